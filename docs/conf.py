"""Builds the documentation: `make docs`."""

import anyjob.core.draft
from anyjob import __version__
from anyjob.core.task import Task

project = "anyjob"
author = "anyjob contributors"
project_copyright = author
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build"]

myst_enable_extensions = ["colon_fence", "deflist"]
# Titles can be linked to, down to the third level: [text](page.md#title).
myst_heading_anchors = 3

# Docstrings write code in single backticks.
default_role = "code"

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 88
# Its hints name a class that it imports for type checkers alone.
vars(anyjob.core.draft)["Task"] = Task

html_theme = "furo"
html_title = f"anyjob {release}"
html_show_copyright = False
