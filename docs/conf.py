"""Sphinx builds the documentation as a site: ``make docs``. Nothing of a page is fetched from a network."""

import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "gan_experiments"
author = "the gan_experiments contributors"
copyright = author
version = release = version_of("gan-experiments")

extensions = [
    "myst_parser",              # the pages are Markdown
    "sphinx.ext.autodoc",       # classes and functions from their docstrings
    "sphinx.ext.napoleon",      # which have Google's form
    "sphinx.ext.viewcode",
    "config_reference",         # groups and options from conf/
    "source_pages",             # whose navigation is made once for many
    "project_pages",            # README, CONTRIBUTING, the tables of benchmarks/ and the like
]  # fmt: skip
exclude_patterns = ["README.md", "_build"]
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 4  # as on GitHub
math_number_all = False

html_theme = "furo"
html_title = "gan_experiments"
html_show_sphinx = False
templates_path: list[str] = []

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "mixed"
napoleon_use_ivar = True
napoleon_use_rtype = False
python_use_unqualified_type_names = True
