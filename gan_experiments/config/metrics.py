"""What of the measures cannot work together."""

from __future__ import annotations

from collections.abc import Iterator

from gan_experiments.config.validation import Validation

Finding = tuple[str, str]  # a key, and what about it


def no_extractor(found: Validation) -> Iterator[Finding]:
    """Refuse measures in feature space without features."""
    features, extractors = found.get("metrics.features"), found.get("metrics.extractors")
    if features and not extractors:
        names = ",".join(features)
        yield "metrics.features", f"no extractor to compute {names} in; add one: metrics=[native,{names}]"


def no_weights(found: Validation) -> Iterator[Finding]:
    """Refuse a file of weights that nobody reads."""
    extractors = found.get("metrics.extractors") or {}
    if found.get("metrics.weights") and not any("weights" in node for node in extractors.values()):
        told = f"{', '.join(extractors) or 'nothing'} takes no weights from a file; metrics=inception does"
        yield "metrics.weights", told


def same_values(found: Validation) -> Iterator[Finding]:
    """Refuse two measures that have a value of one name."""
    seen: dict[str, str] = {}
    for key, source in found.components.items():
        measures = key.startswith(("metrics.features.", "metrics.measures."))
        for value in source.attribute("values", ()) if measures else ():
            if value in seen:
                yield key, f"its {value} would stand beside that of {seen[value]}, under one name; take one of them"
                break
            seen[value] = key
