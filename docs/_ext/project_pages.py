"""Makes pages of the documents beside ``docs/``, and adapts the links between all pages to the site."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

ROOT = Path(__file__).parent.parent.parent
PAGES = "project"  # below the documentation; not committed
LINK = re.compile(r"\]\((?![a-z]+:|#)([^)\s#]+)(#[^)\s]*)?\)")


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the pages before Sphinx reads any, and adapt the links of the others as it reads them."""
    app.connect("builder-inited", write_pages)
    app.connect("source-read", adapt_links)
    app.add_lexer("mermaid", TextLexer)  # drawing it would need a script from a network
    return {"parallel_read_safe": True}


def documents() -> dict[Path, str]:
    """Return the page of each document outside ``docs/``."""
    tables = sorted((ROOT / "benchmarks" / "results").glob("*.md"))
    return {
        ROOT / "README.md": "readme",
        ROOT / "CONTRIBUTING.md": "contributing",
        ROOT / "SECURITY.md": "security",
        ROOT / "CHANGELOG.md": "changelog",
        ROOT / "benchmarks" / "README.md": "benchmarks",
        **{table: f"table_{table.stem}" for table in tables},
    }


def write_pages(app: Sphinx) -> None:
    """Write a page for each document, and remove those of documents that are gone."""
    source = Path(app.srcdir)
    folder = source / PAGES
    folder.mkdir(exist_ok=True)
    for page in set(folder.glob("*.md")) - {folder / f"{name}.md" for name in documents().values()}:
        page.unlink()
    for path, name in documents().items():
        text = relinked(path.read_text(encoding="utf-8"), path, folder / f"{name}.md", source)
        if not text.startswith("# "):
            text = f"# {path.stem.replace('_', ' ').capitalize()}\n\n{text}"
        if path.parent == ROOT / "benchmarks":
            tables = "\n".join(page for page in documents().values() if page.startswith("table_"))
            text += f"\n```{{toctree}}\n:hidden:\n\n{tables}\n```\n"
        page = folder / f"{name}.md"
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            page.write_text(text, encoding="utf-8")


def adapt_links(app: Sphinx, name: str, content: list[str]) -> None:
    """Adapt the links of a page to what the site has."""
    if not name.startswith((PAGES, "reference")):
        page = Path(app.srcdir) / f"{name}.md"
        content[0] = relinked(content[0], page, page, Path(app.srcdir))


def relinked(text: str, written_at: Path, page: Path, source: Path) -> str:
    """Return Markdown whose relative links hold on another page.

    Args:
        text: The Markdown.
        written_at: The file that it was written for.
        page: The page of the site that shows it.
        source: The folder of the site's pages.
    """

    def link(match: re.Match[str]) -> str:
        target = (written_at.parent / match[1]).resolve()
        anchor = match[2] or ""
        if target == source / "README.md":
            target = source / "index.md"
        if target in documents():
            target = source / PAGES / f"{documents()[target]}.md"
        elif source not in target.parents:  # a file of the project that is no page, or a folder
            return f"](path:{os.path.relpath(target, page.parent)})" if target.is_file() else "]"
        return f"]({os.path.relpath(target, page.parent)}{anchor})"

    return LINK.sub(link, text)
