"""A page has what the estimator says, in one file, and works in a browser where there is one."""

import base64
import gzip
import io
import json
import re
import sys
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from browser import CHROMIUM, browser
from PIL import Image
from sklearn.exceptions import NotFittedError
from small import clusterer, extractor

from gan_cluster.inspection import ClusterReport
from gan_cluster.inspection._page import _colours

EVIL = ["<img src=x onerror=alert(1)>", "</script><script>alert(2)</script>", "@row", "{{7*7}}"]


@pytest.fixture(scope="module")
def model(images):
    return clusterer(image_shape=(1, 8, 8), n_continuous=1, max_epochs=6).fit(images)


@pytest.fixture(scope="module")
def report(model, images):
    return ClusterReport.from_estimator(model, images, n_members=3)


@pytest.fixture(scope="module")
def frame(blobs):
    return pd.DataFrame(blobs[0], columns=EVIL)


@pytest.fixture(scope="module")
def of_table(frame):
    return ClusterReport.from_estimator(clusterer(max_epochs=6).fit(frame), frame)


class Page(HTMLParser):
    """The tags of a page with their attributes, and the texts between them."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data.strip())


def points(html):
    """The columns of the points on the map."""
    plots = json.loads(re.search(r'id="plots">(.*?)</script>', html, re.DOTALL)[1])
    found = {}

    def look(node):
        if isinstance(node, dict) and node.get("name") == "ColumnDataSource":
            data = dict(node["attributes"]["data"]["entries"])
            found.update(data if "row" in data else {})
        for child in node.values() if isinstance(node, dict) else node:
            if isinstance(child, dict | list):
                look(child)

    look(plots)
    return {name: array(values) for name, values in found.items()}


def array(values):
    if isinstance(values, list):
        return values
    content = gzip.decompress(base64.b64decode(values["array"]["data"]))
    return np.frombuffer(content, values["dtype"]).reshape(values["shape"])


def decoded(source):
    """The pixels of an image that stands in the page."""
    content = source.split("base64,")[-1].rstrip(")")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(content))))


def test_clusters_are_those_that_the_model_reads(model, report, images):
    probabilities = model.predict_proba(images)
    labels = model.predict(images)
    assert [part.size for part in report.clusters] == np.bincount(labels, minlength=3).tolist()
    np.testing.assert_array_equal(report.labels, labels)
    for cluster, part in enumerate(report.clusters):
        members = np.flatnonzero(labels == cluster)
        shown = [*part.surest, *part.least]
        assert len(set(shown)) == len(shown) == min(6, len(members))
        assert set(shown) <= set(members)
        certain = probabilities[shown, cluster]
        assert (np.diff(certain) <= 0).all()
        assert certain[0] == probabilities[members, cluster].max()
        assert certain[-1] == probabilities[members, cluster].min()
        drawn = model.sample(3, cluster=cluster, random_state=0)
        np.testing.assert_array_equal(part.drawn, drawn)


def test_the_page_shows_members_with_their_rows(report, images):
    page = Page(report.to_html())
    pictures = [attributes for tag, attributes in page.tags if tag == "img"]
    told = [f"row {i}" for part in report.clusters for i in [*part.surest, *part.least]]
    shown = [each for each in pictures if each["alt"].startswith("row")]
    assert [each["alt"].split(",")[0] for each in shown] == told
    assert len(pictures) == len(told) + 3 * 3
    for each in shown:
        row = int(each["alt"].split(",")[0].removeprefix("row "))
        assert str(row) in page.texts
        np.testing.assert_allclose(
            decoded(each["src"]), images[row].reshape(8, 8) * 255 / 16, atol=1
        )


def test_the_map_has_each_row_with_its_image(model, report, images):
    html = report.to_html()
    columns = points(html)
    np.testing.assert_array_equal(columns["row"], np.arange(100))
    np.testing.assert_array_equal(columns["cluster"], model.predict(images))
    np.testing.assert_allclose(columns["certainty"], model.predict_proba(images).max(1))
    features = model.transform(images)
    centred = features - features.mean(0)
    spread = np.linalg.svd(centred, compute_uv=False)[:2]
    places = np.column_stack([columns["x"], columns["y"]])
    np.testing.assert_allclose(np.linalg.norm(places, axis=0), spread, rtol=1e-4)
    assert report.map.kept_variance == pytest.approx(
        (spread**2).sum() / (centred**2).sum(), rel=1e-4
    )
    atlas = decoded(re.search(r'id="atlas">(.*?)</script>', html)[1])
    for row, left, top in zip(columns["row"], columns["left"], columns["top"], strict=True):
        tile = atlas[top // 8 : top // 8 + 8, left // 8 : left // 8 + 8]  # shown 8 times as large
        np.testing.assert_allclose(tile, images[row].reshape(8, 8) * 255 / 16, atol=1)


def test_an_empty_cluster_has_drawn_members_alone(images):
    model = clusterer(n_clusters=40, image_shape=(1, 8, 8)).fit(images)
    report = ClusterReport.from_estimator(model, images)
    last = report.clusters[-1]
    assert (last.size, len(last.surest), len(last.least)) == (0, 0, 0)
    pictures = [each for tag, each in Page(report.to_html()).tags if tag == "img"]
    assert sum(each["alt"] == "drawn" for each in pictures) == 40 * 8


def test_of_many_rows_some_are_on_the_map(model, images):
    report = ClusterReport.from_estimator(model, images, max_rows=30, random_state=1)
    columns = points(report.to_html())
    assert len(np.unique(columns["row"])) == 30
    np.testing.assert_array_equal(columns["cluster"], model.predict(images)[columns["row"]])
    assert sum(part.size for part in report.clusters) == 100


def test_sliders_have_each_value_of_each_code(model, report):
    page = Page(report.to_html())
    sliders = [attributes for tag, attributes in page.tags if tag == "input"]
    assert list(report.traversals) == ["cluster", "continuous0"]
    values = [list(map(float, each["data-values"].split())) for each in sliders]
    assert values[0] == [0, 1, 2]
    np.testing.assert_allclose(values[1], np.linspace(-2, 2, 17))
    strips = [each["style"] for _, each in page.tags if each.get("class") == "strip"]
    assert len(strips) == 2 * 3
    assert decoded(strips[0].split("url(")[1]).shape == (3 * 8, 8)
    assert decoded(strips[-1].split("url(")[1]).shape == (17 * 8, 8)


def test_training_has_its_panels(report):
    page = Page(report.to_html())
    for title in ("Losses", "Information", "Sizes of clusters", "Drawn rows"):
        assert title in page.texts
    assert "variety in the worst cluster" in page.texts
    assert {"training-0", "training-3"} <= {each.get("id") for _, each in page.tags}


def test_a_table_is_shown_by_its_columns(of_table, frame):
    html = of_table.to_html()
    assert 'id="atlas"' not in html
    columns = points(html)
    scaled = (frame - frame.mean()) / frame.std(ddof=0)
    expected = scaled.groupby(of_table.labels).mean()
    np.testing.assert_allclose(of_table.profile[expected.index], expected, atol=1e-12)
    for j, name in enumerate(frame):
        np.testing.assert_array_equal(columns[f"column{j}"], frame[name])
    page = Page(html)
    row = of_table.clusters[0].surest[0]
    assert {f"{value:.4g}" for value in frame.iloc[row]} <= set(page.texts)
    assert {f"{mean:z.1f}" for mean in of_table.profile[0]} <= set(page.texts)


def test_names_of_columns_are_texts_and_nothing_else(of_table):
    page = Page(of_table.to_html())
    assert set(EVIL) <= set(page.texts)
    assert "img" not in {tag for tag, _ in page.tags}
    assert not any(
        "alert(2)" in text for text in page.texts if text not in EVIL and "Bokeh" in text
    )


def test_of_a_wide_table_the_most_telling_columns_are_shown(blobs):
    noise = np.random.default_rng(0).normal(size=(120, 40))
    X = np.hstack([noise, blobs[0]])
    report = ClusterReport.from_estimator(clusterer(max_epochs=10).fit(X), X)
    html = report.to_html()
    spread = report.profile.std(0)
    shown = {text for text in Page(html).texts if re.fullmatch(r"x\d+", text)}
    assert shown == {f"x{j}" for j in np.argsort(-spread)[:30]}
    assert "Of 44 columns, the 30 in" in " ".join(html.split())


def test_nothing_on_the_page_is_elsewhere(report, of_table):
    for made in (report, of_table):
        for _, attributes in Page(made.to_html()).tags:
            for name in ("src", "href"):
                assert attributes.get(name, "#").startswith(("#", "data:image/"))


def test_large_photographs_are_made_small():
    X = np.random.RandomState(0).randint(0, 256, (40, 70, 90, 3)).astype(np.uint8)
    model = clusterer(architecture="mlp").fit(X)
    report = ClusterReport.from_estimator(model, X)
    pictures = [each for tag, each in Page(report.to_html()).tags if tag == "img"]
    assert {decoded(each["src"]).shape for each in pictures} == {(49, 64, 3)}


def test_a_file_is_written_as_a_whole(report, tmp_path):
    path = tmp_path / "clusters.html"
    path.write_text("old")
    report.save(path)
    numbers = re.compile(r'"p\d+"')  # that bokeh gives anew
    assert numbers.sub("", path.read_text()) == numbers.sub("", report.to_html())
    assert [each.name for each in tmp_path.iterdir()] == ["clusters.html"]
    with pytest.raises(FileNotFoundError, match="missing"):
        report.save(tmp_path / "missing" / "clusters.html")


def test_errors_say_what_is_wrong(model, images, monkeypatch):
    with pytest.raises(NotFittedError):
        ClusterReport.from_estimator(clusterer(), images)
    with pytest.raises(TypeError, match="InfoGANClusterer, got GANFeatureExtractor"):
        ClusterReport.from_estimator(extractor(), images)
    with pytest.raises(ValueError, match="n_members == 0"):
        ClusterReport.from_estimator(model, images, n_members=0)
    with pytest.raises(ValueError, match="features"):
        ClusterReport.from_estimator(model, images[:, :10])
    monkeypatch.setitem(sys.modules, "bokeh", None)
    with pytest.raises(ImportError, match=r"needs bokeh: .*'gan-cluster\[report\]'"):
        ClusterReport.from_estimator(model, images)


POINT = """(() => {
    const plot = Bokeh.index.roots[0], { x, y } = plot.model.renderers[0].data_source.data;
    const { left, top } = plot.el.getBoundingClientRect(), frame = plot.frame;
    return [left + frame.x_scale.compute(x[7]), top + frame.y_scale.compute(y[7])];
})()"""
TOLD = """(() => {
    const found = [];
    const look = (node) => {
        if (node.classList?.contains("bk-tooltip-content")) found.push(node.outerHTML);
        if (node.shadowRoot) look(node.shadowRoot);
        for (const child of node.children) look(child);
    };
    look(document.documentElement);
    return found.join("");
})()"""

TAP = """(() => {
    const at = { clientX: %f, clientY: %f, bubbles: true, composed: true };
    let below = document, next;
    while ((next = (below.shadowRoot ?? below).elementFromPoint?.(at.clientX, at.clientY))) {
        if (next === below) break;
        below = next;
    }
    below.dispatchEvent(new MouseEvent("click", at));
})()"""


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")
@pytest.mark.parametrize("kind", ["images", "table"])
def test_the_page_works_in_a_browser(kind, report, of_table, tmp_path):
    path = tmp_path / "clusters.html"
    (report if kind == "images" else of_table).save(path)
    with browser() as page:
        page.open(path)
        page.until("window.Bokeh && Bokeh.index.roots.length >= 5")
        page.run("document.getElementById('map').scrollIntoView()")
        x, y = page.run(POINT)
        page.move(x - 30, y - 30)
        page.move(x, y)
        page.until(f"{TOLD}.includes('row')")
        told = page.run(TOLD)
        page.move(x, 1)
        page.until(f"!{TOLD}.includes('row')")
        page.run(TAP % (x, y))
        page.until(f"{TOLD}.includes('row')")
        if kind == "images":
            assert "background-image: var(--atlas)" in told.replace(":var", ": var")
            assert page.run("document.documentElement.style.getPropertyValue('--atlas')")
        else:
            assert "&lt;img src=x onerror=alert(1)&gt;" in told
        page.run(
            "(() => { const slider = document.querySelector('.walk input'); slider.value = 2;"
            "slider.dispatchEvent(new Event('input')); })()"
        )
        assert page.run("document.querySelector('.walk output').textContent") == "2"
        if kind == "images":
            shown = "getComputedStyle(document.querySelector('.strip')).backgroundPositionY"
            assert page.run(shown) == "100%"
        else:
            steps = "[...document.querySelectorAll('.walk:first-of-type .step')].map(s => s.hidden)"
            assert page.run(steps)[:3] == [True, True, False]
        for width in (390, 1200):
            page.open(path, width=width, dark=width == 390)
            assert page.run("document.documentElement.scrollWidth <= innerWidth")
        assert page.complaints() == []
        asked = {url for url in page.requests() if not url.startswith(("data:", "blob:"))}
        assert asked == {path.as_uri()}


def test_a_table_in_any_units_is_shown(blobs):
    X = blobs[0] * [1e300, 1e-300, 1, 1]
    report = ClusterReport.from_estimator(clusterer(max_epochs=6).fit(X), X)
    columns = points(report.to_html())
    for j in range(4):
        np.testing.assert_array_equal(columns[f"column{j}"], X[:, j])


def test_there_are_colours_for_hundreds_of_codes():
    assert [len(_colours(n)) for n in (2, 15, 200, 300)] == [2, 15, 200, 300]
