"""How the pages are built: `make docs`."""

from __future__ import annotations

import sys
from pathlib import Path

from iris_core import __version__

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE / "_ext")]

project = "iris"
author = "The iris developers"
copyright = author  # noqa: A001 - the name that Sphinx wants
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_click",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "mathml",
    "names",
    "offline",
]
exclude_patterns = ["_build", "_generate", "examples", "hooks"]
templates_path = ["_templates"]
nitpicky = True
default_role = "py:obj"
smartquotes = False  # --save is an option, not a dash

# Markdown: the same equations and links that viewers of the repository understand.
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_fence_as_directive = {"math"}
myst_heading_anchors = 4
html_math_renderer = "mathml"

# Docstrings.
autosummary_generate = True
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
autodoc_type_aliases = {"ArrayLike": "ArrayLike"}
maximum_signature_line_length = 88
numpydoc_show_class_members = False
python_use_unqualified_type_names = True

# Pictures that are made by running their code; see examples/.
sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"/plot_",
    "within_subsection_order": "FileNameSortKey",
    "thumbnail_size": (420, 300),
    "min_reported_time": 3600,
    "abort_on_example_error": True,
    "reset_modules": ("_generate.pictures.reset_style",),
    "capture_repr": (),
    "download_all_examples": False,
    "write_computation_times": False,
    "remove_config_comments": True,
    "show_memory": False,
}

html_theme = "pydata_sphinx_theme"
html_title = "iris"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_sidebars: dict[str, list[str]] = {"start": [], "contributing": [], "changelog": []}
html_theme_options = {
    "logo": {"text": "iris"},
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "header_links_before_dropdown": 7,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}

copybutton_prompt_text = "$ "
