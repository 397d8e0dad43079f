"""What the documentation promises elsewhere is there."""

import runpy
from pathlib import Path

import pytest

from gan_cluster import GANFeatureExtractor, InfoGANClusterer

ROOT = Path(__file__).parents[1]


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
