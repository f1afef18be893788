"""The documentation site: ``python -m sphinx -W --keep-going docs site`` builds it."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

from dnamask_plugins import __version__

project = "dnamask_plugins"
author = "The dnamask_plugins authors"
copyright = "2026, the dnamask_plugins authors"
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "generated",
    "mathml",
]
exclude_patterns = ["_ext", "README.md"]
myst_enable_extensions = ["dollarmath", "colon_fence", "deflist", "attrs_block"]
myst_heading_anchors = 3
suppress_warnings = ["misc.highlighting_failure"]

autodoc_typehints = "none"  # the NumPy docstrings say types, with shapes
autodoc_member_order = "bysource"
autodoc_mock_imports: list[str] = []
default_role = "code"
napoleon_google_docstring = False
napoleon_use_ivar = True
copybutton_prompt_text = "$ "

html_math_renderer = "mathml"
html_theme = "furo"
html_title = f"dnamask {__version__}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
