"""Makes the navigation of the pages that show source code once for each of their folders."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

PAGES = "_modules/"  # of sphinx.ext.viewcode


def setup(app: Sphinx) -> dict[str, Any]:
    """Do so before the theme asks for the navigation."""
    made: dict[tuple[Any, ...], str] = {}

    def share(_: Sphinx, page: str, __: str, context: dict[str, Any], ___: nodes.document | None) -> None:
        """Let the pages of a folder share it: as none of them is in it, only what its links are relative to differs."""
        if not page.startswith(PAGES):
            return
        make = context["toctree"]

        def toctree(**options: Any) -> str:
            key = (page.rpartition("/")[0], *sorted(options.items()))
            if key not in made:
                made[key] = make(**options)
            return made[key]

        context["toctree"] = toctree

    app.connect("html-page-context", share, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
