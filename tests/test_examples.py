"""The stories in examples/ run from their first line to the last, each with one epoch a stage."""

import runpy
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib")
EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.mark.filterwarnings("ignore")  # of clusters that an epoch leaves empty
@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_an_example_runs_alone_and_saves_its_pictures(path, short, tmp_path, monkeypatch):
    import matplotlib.pyplot as plt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plt, "show", lambda: None)
    plt.switch_backend("agg")
    plt.close("all")
    runpy.run_path(str(path), run_name="__main__")
    shown = len(plt.get_fignums())
    plt.close("all")
    pictures = list(tmp_path.iterdir())
    assert len(pictures) == shown > 0
    for picture in pictures:
        assert picture.suffix == ".png"
        assert np.ptp(plt.imread(picture)[..., :3]) > 0.5
