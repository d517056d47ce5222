"""Sphinx configuration: pages in MyST, code cells executed at every build, warnings are errors."""

from __future__ import annotations

import logging
import os
import re
import sys
from pathlib import Path

DOCS = Path(__file__).parent
ROOT = DOCS.parent
sys.path[:0] = [str(ROOT), str(DOCS)]

import bibliography  # noqa: E402

from langevin_lab import __version__  # noqa: E402
from langevin_lab.lab.figure_style import COLOURS, STYLE  # noqa: E402

# Code cells run in processes of their own: they find the package and the page helpers here, and
# the commands of the environment that Sphinx runs in. Tables are made 100 columns wide.
os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(DOCS)])
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
os.environ.update(COLUMNS="100", NO_COLOR="1")
# A profile of our own: no start-up files of the user's, no note on how kernels are connected, and
# a shell command that fails stops the build.
os.environ["IPYTHONDIR"] = str(DOCS / "_build" / "ipython")
_profile = DOCS / "_build" / "ipython" / "profile_default"
_profile.mkdir(parents=True, exist_ok=True)
(_profile / "ipython_kernel_config.py").write_text(
    "c.IPKernelApp.log_level = 40\nc.IPKernelApp.exec_lines = ['import strict_shell']\n"
)
# Figures of the pages look like those of the experiments.
_colours = ", ".join(repr(colour.lstrip("#")) for colour in COLOURS)
_style = {"figure.figsize": "5.6, 3.0", "figure.dpi": 150, "font.size": 9}
_style |= dict(STYLE) | {"axes.prop_cycle": f"cycler('color', [{_colours}])"}
(DOCS / "_build" / "matplotlibrc").write_text("".join(f"{k}: {v}\n" for k, v in _style.items()))
os.environ["MATPLOTLIBRC"] = str(DOCS / "_build" / "matplotlibrc")

project = "langevin_lab"
author = "The langevin_lab developers"
version = release = __version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"langevin_lab {__version__}"
html_static_path = ["_static"]
html_css_files = ["page.css"]
html_show_copyright = False
smartquotes_action = "D"  # dashes; but "x" in a docstring is code

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 300
logging.getLogger("traitlets").setLevel(logging.WARNING)  # one line a kernel, else
nb_merge_streams = True
nb_output_stderr = "remove-warn"
nb_render_markdown_format = "myst"

# Docstrings are numpydoc with one more section; names in single backticks link where they can.
napoleon_google_docstring = False
napoleon_use_param = False  # types as plain text: "(dim,) array" would link every "dim"
napoleon_use_rtype = False
napoleon_custom_sections = ["Source", ("Attributes", "params_style")]
default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
autodoc_typehints = "none"
add_module_names = False
python_use_unqualified_type_names = True


def _hide_colons(app, what, name, obj, options, lines):
    """Before napoleon, which takes what stands before a property's first colon for its type."""
    if what == "property":
        lines[:] = [line.replace(":", _COLON) for line in lines]


def _as_restructured_text(app, what, name, obj, options, lines):
    """Absolute bars are no substitutions, and citations link to the bibliography."""
    text = "\n".join(line if line.lstrip().startswith(">>>") else _bars(line) for line in lines)
    text = text.replace(_COLON, ":")
    lines[:] = bibliography.linked(text, ":ref:`{text} <{key}>`").split("\n")


_COLON = "\ue000"  # private use


def _bars(line):
    pieces = re.split(r"(``.*?``)", line)
    return "".join(p if p.startswith("``") else p.replace("|", r"\|") for p in pieces)


def _skip_tuple_fields(app, what, name, obj, skip, options):
    """Fields of a NamedTuple stand in its docstring; their own says nothing."""
    return True if str(getattr(obj, "__doc__", "")).startswith("Alias for field") else None


def setup(app):
    """Connect the hooks, before and after napoleon, which runs at the default priority 500."""
    app.connect("autodoc-process-docstring", _hide_colons, priority=100)
    app.connect("autodoc-process-docstring", _as_restructured_text, priority=900)
    app.connect("autodoc-skip-member", _skip_tuple_fields)
    return {"parallel_read_safe": True}
