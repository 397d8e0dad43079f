"""Configuration of Sphinx: python -m sphinx -W docs docs/_build."""

from gan_cluster import __version__

project = "gan-cluster"
author = copyright = "The gan-cluster developers"
version = release = __version__
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "numpydoc",
    "myst_parser",
]
exclude_patterns = ["_build"]
autodoc_typehints = "none"
numpydoc_show_class_members = False
html_title = f"gan-cluster {version}"
