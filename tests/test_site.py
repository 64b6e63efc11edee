"""The documentation builds as a site without a warning, takes nothing from a network and has every option."""

import gc
import re
import sys
from pathlib import Path

import pytest
from processes import Forked
from sphinx.cmd.build import main

from gan_experiments.config.files import conf_dir

pytestmark = pytest.mark.slow
DOCS = Path(__file__).parent.parent / "docs"
# A script or style from elsewhere; links to other sites are none.
FETCHED = re.compile(
    r"<(?:script|link|img|iframe)[^>]+(?:src|href)=[\"'](?:https?:)?//[^\"']+|@import|url\(https?:", re.I
)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    (DOCS / "project").mkdir(exist_ok=True)
    (DOCS / "project" / "table_gone.md").write_text("# Of a table that there was once\n")
    options = ("-b", "html", "-W", "--keep-going", "-q", "-d", str(folder / "doctrees"))

    def work():
        gc.disable()
        sys.exit(main([*options, str(DOCS), str(folder / "html")]))

    build = Forked(work, folder / "log")
    assert (build.wait(), build.log.read_text()) == (0, "")
    return folder / "html"


def test_every_option_and_page_is_on_it(site):
    for file in conf_dir().glob("*/*.yaml"):
        page = (site / "reference" / "config" / f"{file.parent.name}.html").read_text(encoding="utf-8")
        assert f"{file.parent.name}={file.stem}" in page
    for page in DOCS.glob("*.md"):
        assert page.stem == "README" or "<h1>" in (site / f"{page.stem}.html").read_text(encoding="utf-8")
    api = (site / "reference" / "api.html").read_text(encoding="utf-8")
    assert all(
        f'id="gan_experiments.{name}"' in api for name in ("compose", "train", "load_run", "evaluate", "compare")
    )


def test_nothing_is_fetched(site):
    for page in (*site.rglob("*.html"), *site.rglob("*.css")):
        assert not FETCHED.search(page.read_text(encoding="utf-8")), page


def test_every_link_is_one(site):
    pages = [path for path in site.rglob("*.html") if "_modules" not in path.parts]
    for page in pages:
        text = re.sub(r"<(pre|code)\b.*?</\1>", "", page.read_text(encoding="utf-8"), flags=re.S)
        assert not re.search(r"\]\([^)\s]+", text), page
