"""Builds the documentation: `make docs`."""

from anyjob import __version__

project = "anyjob"
author = "anyjob contributors"
project_copyright = author
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]

myst_enable_extensions = ["colon_fence", "deflist"]
# Titles can be linked to, down to the third level: [text](page.md#title).
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "description"

html_theme = "furo"
html_title = f"anyjob {release}"
html_show_copyright = False
