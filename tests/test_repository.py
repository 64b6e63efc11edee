"""The files around the code: links, workflow, hooks, templates, citation."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [*ROOT.glob("*.md"), *DOCS.glob("*.md"), *(DOCS / "tutorials").glob("*.md"), *(ROOT / ".github").rglob("*.md")]
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
PROJECT = (ROOT / "pyproject.toml").read_text()


def load(path):
    return yaml.safe_load((ROOT / path).read_text())


def anchors(page):
    """Return the anchors that GitHub gives the headings of a page."""
    seen = {}
    for heading in re.findall(r"^#+ +(.*)$", FENCE.sub("", page.read_text()), re.MULTILINE):
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        anchor = re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")
        seen[anchor] = seen.get(anchor, -1) + 1
        yield f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor


@pytest.mark.parametrize("page", sorted(PAGES), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_and_headings(page):
    for link in re.findall(r"\]\(([^()\s]+)\)", FENCE.sub("", page.read_text())):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_page_is_in_the_index():
    linked = re.findall(r"^\| \[[^]]+\]\(([^)]+)\)", (ROOT / "docs" / "README.md").read_text(), re.MULTILINE)
    indexes = ("README.md", "index.md")  # on a code host, and of the site
    assert sorted(linked) == sorted(page.name for page in (ROOT / "docs").glob("*.md") if page.name not in indexes)
    for page in (ROOT / "docs" / "tutorials").glob("*.md"):
        assert all(f"tutorials/{page.stem}" in (ROOT / "docs" / index).read_text() for index in indexes), page


def test_the_architecture_shows_every_package():
    tree = re.search(r"^```\n(conf/.*?)```", (ROOT / "docs" / "architecture.md").read_text(), re.MULTILINE | re.DOTALL)[
        1
    ]
    shown, parent = set(), ""
    for inner, name in re.findall(r"^(│   )?[├└]── (\w+)/ +\S", tree, re.MULTILINE):
        parent = parent if inner else name
        shown.add(f"{parent}/{name}" if inner else name)
    package = ROOT / "gan_experiments"
    assert shown == {str(path.parent.relative_to(package)) for path in package.rglob("__init__.py")} - {"."}


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_files_that_are_named_exist(page):
    bases = (ROOT, ROOT / "gan_experiments")
    text = (ROOT / page).read_text()
    for path in re.findall(r"`((?:[\w.]+/)+[\w.]*)`", text):
        if "powered_hinge" not in path and not path.endswith("..."):  # the example, and names of metrics
            assert any((base / path).exists() for base in bases), path


@pytest.mark.parametrize("page", ["docs/tutorials/add_a_loss.md", "CONTRIBUTING.md"])
def test_components_that_are_shown_pass_the_linter(page):
    files = re.findall(
        r"`((?:gan_experiments|my_package)/[\w/]+\.py)`.*?\n```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL
    )
    assert files
    for path, code in files:
        command = [sys.executable, "-m", "ruff", "check", "--quiet", "--stdin-filename", path, "-"]
        result = subprocess.run(command, input=code, capture_output=True, text=True, cwd=ROOT)
        assert result.returncode == 0, result.stdout + result.stderr


def test_the_workflow_takes_the_steps_of_the_ci_script():
    (job,) = load(".github/workflows/ci.yml")["jobs"].values()
    steps = [step["run"] for step in job["steps"] if "run" in step and step.get("if") != "matrix.torch"]
    commands = re.findall(r"^(?:make \w+|timeout \d+ \.ci/\w+)", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    assert steps == commands
    assert len(commands) == 6


def test_the_workflow_starts_at_the_oldest_python_and_pins_its_actions():
    (job,) = load(".github/workflows/ci.yml")["jobs"].values()
    oldest = re.search(r'^requires-python = ">=(.*)"', PROJECT, re.MULTILINE)[1]
    assert job["strategy"]["matrix"]["python"][0] == oldest
    (row,) = job["strategy"]["matrix"]["include"]
    oldest_of = {
        name: re.search(rf'^    "{name}>=([^"]+)"', PROJECT, re.MULTILINE)[1] for name in ("torch", "torchvision")
    }
    assert row == {"python": oldest, **oldest_of}
    workflows = [load(path) for path in (ROOT / ".github" / "workflows").glob("*.yml")]
    steps = [step for workflow in workflows for each in workflow["jobs"].values() for step in each["steps"]]
    assert len(workflows) == 2
    for action in [step["uses"] for step in steps if "uses" in step]:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action), action


def test_the_nightly_workflow_tries_every_hostile_case_and_audits():
    (job,) = load(".github/workflows/nightly.yml")["jobs"].values()
    commands = [step["run"] for step in job["steps"] if "run" in step]
    assert "make audit" in commands
    assert commands[-1].endswith("--adversarial=all tests/adversarial")


def test_hooks_run_what_make_runs():
    makefile = (ROOT / "Makefile").read_text()
    wanted = re.findall(r"^\t\$\(BIN\)/((?:ruff|mypy)\b(?: (?:check|format))?)", makefile, re.MULTILINE)
    (repository,) = load(".pre-commit-config.yaml")["repos"]
    entries = [hook["entry"].partition(" --")[0] for hook in repository["hooks"]]
    assert entries == [f".venv/bin/{command}" for command in wanted]


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_issue_forms_are_complete(path):
    form = load(path)
    assert {"name", "description", "body"} <= form.keys()
    identifiers = [field["id"] for field in form["body"]]
    assert len(set(identifiers)) == len(identifiers)
    for field in form["body"]:
        assert field["type"] in ("textarea", "input", "dropdown", "checkboxes")
        assert field["attributes"]["label"]
        assert field["type"] not in ("dropdown", "checkboxes") or field["attributes"]["options"]


def test_the_citation_is_of_this_version():
    citation = load("CITATION.cff")
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= citation.keys()
    for key in ("version", "license"):
        assert citation[key] == re.search(rf'^{key} = "(.*)"', PROJECT, re.MULTILINE)[1]
