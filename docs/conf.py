"""Configuration of Sphinx: python -m sphinx -W docs docs/_build."""

import os
import sys
from pathlib import Path

from gan_cluster import __version__

# Whoever hosts the project fills in these, and the links "edit" and "issues" of every page follow.
OWNER, REPOSITORY, BRANCH = "OWNER", "gan-cluster", "main"
FORGE = f"https://github.com/{OWNER}/{REPOSITORY}"

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_extensions"), str(HERE.parent / "benchmarks")]
os.environ["PYTHONWARNINGS"] = "ignore"  # in processes that examples start

project = "gan-cluster"
author = copyright = "The gan-cluster developers"
version = release = __version__
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.viewcode",
    "matplotlib.sphinxext.plot_directive",
    "mathml",
    "myst_parser",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "_templates", "gallery/*.ipynb", "gallery/*.py"]
templates_path = ["_templates"]
default_role = None
toc_object_entries_show_parents = "hide"

autodoc_typehints = "none"
numpydoc_show_class_members = False
myst_enable_extensions = ["colon_fence"]
copybutton_exclude = ".linenos, .gp, .go"
html_math_renderer = "mathml"

# The second of each pair is read where the first can't be reached: a build needs no network.
intersphinx_mapping = {
    "python": ("https://docs.python.org/3", (None, "inventories/python.inv")),
    "numpy": ("https://numpy.org/doc/stable", (None, "inventories/numpy.inv")),
    "sklearn": ("https://scikit-learn.org/stable", (None, "inventories/sklearn.inv")),
    "torch": ("https://docs.pytorch.org/docs/stable", (None, "inventories/torch.inv")),
}
intersphinx_timeout = 5

plot_formats = [("png", 110)]
plot_html_show_formats = plot_html_show_source_link = False
plot_rcparams = {"savefig.bbox": "tight", "font.size": 10}
plot_apply_rcparams, plot_include_source = True, False

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "doc_module": ("gan_cluster",),
    "backreferences_dir": "generated/examples",
    "reference_url": {"gan_cluster": None},
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "show_signature": False,
    "min_reported_time": 1,
    "write_computation_times": False,
    "copyfile_regex": r"$^",
    "ignore_repr_types": r"matplotlib\.(legend|lines)",
}

html_title = f"gan-cluster {version}"
html_theme = "pydata_sphinx_theme"
html_static_path = ["_static"]
html_css_files = ["style.css"]
html_show_sourcelink = False
html_sidebars = {
    page: [] for page in ("install", "gallery/plot_quickstart", "benchmarks", "faq", "changelog")
}
html_context = {
    "github_user": OWNER,
    "github_repo": REPOSITORY,
    "github_version": BRANCH,
    "doc_path": "docs",
    "default_mode": "auto",
}
html_theme_options = {
    "logo": {"text": "gan-cluster"},
    "use_edit_page_button": True,
    "show_prev_next": True,
    "header_links_before_dropdown": 7,
    "show_toc_level": 1,
    "navbar_persistent": ["search-button"],
    "secondary_sidebar_items": ["page-toc", "edit"],
    "navbar_end": ["version", "theme-switcher", "navbar-icon-links"],
    "external_links": [{"name": "Issues", "url": f"{FORGE}/issues"}],
    "icon_links": [{"name": "Source", "url": FORGE, "icon": "fa-brands fa-github"}],
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
}
