"""The main job, with estimators that take no time: what it prints, writes and refuses."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.image import imread
from sklearn.cluster import KMeans

import gan_cluster.__main__ as cli
from gan_cluster import GANFeatureExtractor, InfoGANClusterer
from gan_cluster._folder import write_file

METHODS = ["kmeans", "features+kmeans", "infogan+consistency"]


def small_methods(seed, device):
    gan = {"image_shape": (1, 8, 8), "random_state": seed, "device": device, "verbose": 1}
    small = gan | {"width": 2, "noise_dim": 2, "max_epochs": 1, "batch_size": 256}
    return KMeans(10, random_state=seed), InfoGANClusterer(10, **small)


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(cli, "make_methods", small_methods)


@pytest.fixture
def refuses(monkeypatch, capsys):
    """Runs that have to end with an argparse error before anything is trained."""

    def make_methods(seed, device):
        pytest.fail("training would have begun")

    def check(*argv, message):
        with pytest.raises(SystemExit) as ended:
            cli.main([str(arg) for arg in argv])
        assert ended.value.code == 2
        assert message in capsys.readouterr().err

    monkeypatch.setattr(cli, "make_methods", make_methods)
    return check


def test_help_names_every_option():
    command = [sys.executable, "-m", "gan_cluster", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    for option in ("--seed", "--json PATH", "--output PNG", "--report HTML", "--device"):
        assert option in done.stdout
    assert "python -m gan_cluster" in done.stdout


def test_a_run_prints_scores_and_writes_both_files(small, tmp_path, capsys):
    scores, picture = tmp_path / "scores.json", tmp_path / "picture.png"
    argv = ["--seed", "3", "--device", "cpu", "--json", str(scores), "--output", str(picture)]
    assert cli.main(argv) == 0
    printed = capsys.readouterr()

    rows = json.loads(scores.read_text())
    assert [row["method"] for row in rows] == METHODS
    for row in rows:
        assert set(row) == {"method", "acc", "nmi", "ari", "seconds"}
        assert all(isinstance(row[name], float) for name in row if name != "method")
        assert 0 <= row["nmi"] <= 1
        assert 0.1 <= row["acc"] <= 1
        assert row["seconds"] > 0
    assert rows[0]["acc"] > 0.6

    table = printed.out.splitlines()
    assert table[1].split() == ["method", "ACC", "NMI", "ARI", "seconds"]
    for line, row in zip(table[2:], rows, strict=False):
        assert line.split()[:2] == [row["method"], f"{row['acc']:.3f}"]
    assert str(picture) in printed.out
    assert "epoch" in printed.err

    assert picture.read_bytes().startswith(b"\x89PNG\r\n")
    height, width = imread(picture).shape[:2]
    assert 400 <= height <= 2000
    assert 600 <= width <= 3000
    assert sorted(path.name for path in tmp_path.iterdir()) == ["picture.png", "scores.json"]


def test_picture_goes_to_the_working_folder_by_default(small, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main([]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["clusters.png"]


def test_a_page_is_written_where_one_is_asked_for(small, tmp_path, capsys):
    page, picture = tmp_path / "clusters.html", tmp_path / "clusters.png"
    assert cli.main(["--report", str(page), "--output", str(picture)]) == 0
    assert "10 clusters of 1,797 rows" in page.read_text()
    assert str(page) in capsys.readouterr().out


def test_the_methods_are_the_defaults_but_for_the_data():
    kmeans, clusterer = cli.make_methods(5, "cpu")
    told = {"image_shape": (1, 8, 8), "random_state": 5, "device": "cpu", "verbose": 1}
    defaults = InfoGANClusterer().get_params()
    assert clusterer.get_params() == defaults | told | {"n_clusters": 10}
    assert kmeans.get_params() == KMeans(10, n_init=10, random_state=5).get_params()


def test_one_training_is_read_in_two_ways(images, capsys):
    kmeans, clusterer = small_methods(0, "cpu")
    found = {name: labels for name, labels, _ in cli.run_methods(images, kmeans, clusterer)}
    assert list(found) == METHODS
    assert capsys.readouterr().err.count("learning to draw") == 1
    np.testing.assert_array_equal(found["infogan+consistency"], clusterer.predict(images))
    features = GANFeatureExtractor(10, **small_parameters(clusterer)).fit(images)
    expected = KMeans(10, random_state=0).fit_predict(features.transform(images))
    np.testing.assert_array_equal(found["features+kmeans"], expected)


def small_parameters(clusterer):
    names = "image_shape", "random_state", "width", "noise_dim", "max_epochs", "batch_size"
    return {name: getattr(clusterer, name) for name in names}


def test_a_link_stays_a_link(small, tmp_path):
    links = {}
    for option in ("--json", "--output"):
        target, link = tmp_path / f"target{option}", tmp_path / f"link{option}"
        target.write_text("old")
        link.symlink_to(target)
        links[option] = link
    assert cli.main([str(part) for pair in links.items() for part in pair]) == 0
    for link in links.values():
        assert link.is_symlink()
        assert link.resolve().stat().st_size > 100
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.parametrize("option", ["--json", "--output"])
def test_paths_that_cannot_be_written_are_refused(refuses, tmp_path, option):
    missing = tmp_path / "missing"
    refuses(option, missing / "file", message=f"there is no folder {missing}")
    refuses(option, tmp_path, message="is not a file")
    refuses(option, os.devnull, message="is not a file")
    refuses(option, tmp_path / ("a" * 300), message="can't be written")
    assert list(tmp_path.iterdir()) == []


def test_a_name_as_long_as_names_may_be_can_be_written(tmp_path):
    path = tmp_path / ("a" * 255)
    cli.check_writable(path)
    write_file(path, b"whole")
    assert [other.read_bytes() for other in tmp_path.iterdir()] == [b"whole"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_write_permission_is_refused(refuses, tmp_path):
    tmp_path.chmod(0o500)
    refuses("--json", tmp_path / "file", message="can't be written: Permission denied")


def test_one_file_for_both_is_refused(refuses, tmp_path):
    path = tmp_path / "file"
    refuses(
        "--json", path, "--output", path, message="--output and --json should be different files"
    )


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--device", "abacus"], "device='abacus' is unknown"),
        (["--device", "xpu"], "device='xpu' is not available here"),
        (["--seed", "-1"], "--seed should be from 0"),
        (["--seed", "one"], "invalid int value"),
    ],
)
def test_options_that_make_no_sense_are_refused(refuses, argv, message):
    refuses(*argv, message=message)


def test_missing_matplotlib_names_the_extra(refuses, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    refuses(message="pip install 'gan-cluster[plot]'")


def test_a_page_without_bokeh_names_the_extra(refuses, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "bokeh", None)
    refuses("--report", tmp_path / "page", message="pip install 'gan-cluster[report]'")
