"""What the documentation promises elsewhere is there."""

import re
import runpy
from pathlib import Path
from textwrap import dedent

import pytest

from gan_cluster import GANFeatureExtractor, InfoGANClusterer

ROOT = Path(__file__).parents[1]
SNIPPETS = {  # how each kind of page begins one; it ends where the indent or the fence does
    "README.md": r"^```python\n((?:.*\n)+?)```$",
    "docs/**/*.rst": r"^\.\. code-block:: python\n\n((?: {4}.*\n|\n)+)",
}


def snippets():
    """Every block of Python in the README and the pages of docs/, with its page and line."""
    for pattern, block in SNIPPETS.items():
        for page in sorted(ROOT.glob(pattern)):
            text = page.read_text()
            for found in re.finditer(block, text, re.MULTILINE):
                line = text.count("\n", 0, found.start()) + 1
                yield pytest.param(dedent(found[1]), id=f"{page.relative_to(ROOT)}:{line}")


@pytest.mark.filterwarnings("ignore")  # of clusters that an epoch leaves empty
@pytest.mark.parametrize("code", list(snippets()))
def test_a_snippet_runs_when_it_is_copied(code, short, tmp_path, monkeypatch):
    plt = pytest.importorskip("matplotlib.pyplot")
    monkeypatch.chdir(tmp_path)
    plt.switch_backend("agg")
    exec(compile(code, "snippet", "exec"), {"__name__": "__main__"})
    plt.close("all")


def test_snippets_are_found():
    pages = {snippet.id.partition(":")[0] for snippet in snippets()}
    assert {"README.md", "docs/index.rst", "docs/user_guide.rst", "docs/how_to/images.rst"} <= pages


@pytest.mark.parametrize("estimator", [InfoGANClusterer(), GANFeatureExtractor()])
def test_the_link_of_the_html_repr_has_its_page(estimator):
    folder, page = estimator._get_doc_link().split("/")[-2:]
    listed = (ROOT / "docs/api.rst").read_text().partition(".. currentmodule:: gan_cluster\n")[2]
    assert f"    :toctree: {folder}\n" in listed
    assert page == f"gan_cluster.{type(estimator).__name__}.html"
    assert f"\n    {type(estimator).__name__}\n" in listed


def test_the_readme_begins_with_the_two_command_lines():
    lines = (ROOT / "README.md").read_text().splitlines()[:12]
    assert "python -m pip install -e '.[plot]' && python -m gan_cluster" in lines
    assert "python -m pip install -e '.[test]' && python -m pytest" in lines


def test_the_benchmark_page_is_made_from_the_committed_results():
    table = runpy.run_path(str(ROOT / "benchmarks/table.py"))
    assert (ROOT / "docs/benchmarks.md").read_text() == table["page"]()


def test_the_readme_quotes_the_benchmark_page():
    quoted = [
        line
        for line in (ROOT / "README.md").read_text().splitlines()
        if line.startswith("| ")
        and line.count("|") == 12
        and not line.startswith("| data")
        and not line.startswith("| ---")
    ]
    page = (ROOT / "docs/benchmarks.md").read_text().splitlines()
    assert len(quoted) >= 3
    assert set(quoted) <= set(page)
