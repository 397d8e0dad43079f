"""Makes the HTML page of a ClusterReport: the template, plots by bokeh, images as data."""

import base64
import io
import json
from math import ceil, sqrt
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from bokeh.embed import json_item
from bokeh.models import ColumnDataSource, HoverTool, NumeralTickFormatter
from bokeh.palettes import Category10, Category20, turbo
from bokeh.plotting import figure
from bokeh.resources import Resources
from jinja2 import Environment, PackageLoader
from PIL import Image

from gan_cluster._version import __version__
from gan_cluster.inspection._images import thumbnails, value_range
from gan_cluster.inspection.history import curves, when_joined
from gan_cluster.inspection.latent import Traversal

if TYPE_CHECKING:
    from gan_cluster.inspection.report import ClusterReport

SIDE = 64  # largest side of a picture, in pixels
ATLAS_PIXELS = 2**24  # of all rows on the map; if there are many, their pictures are smaller
ATLAS_BYTES, PICTURE_BYTES = 10 * 2**20, 2**12  # larger images are stored as JPEG
QUALITIES = 90, 70, 50
SHOWN = 64  # least size of a picture of the map on the screen, in pixels
COLUMNS = 30  # largest number of columns of a table that are shown
HOVERED = 12  # largest number of columns under the mouse pointer
GREY = "#888888"  # visible on white and on black
WIDTHS = {"mean": 2.0, "worst": 0.7, "ceiling": 1.5, "equal": 1.0, "before": 0.7}
EXPLAINED = {
    "loss": (
        "Losses",
        "What the networks were trained to lower. The losses of a GAN do not show whether training "
        "has converged.",
    ),
    "nats": (
        "Information",
        "How well the network recognises the cluster from which a row was drawn, in nats, and the "
        "largest possible value. Training has converged when this and the sizes of clusters no "
        "longer change.",
    ),
    "share of rows": (
        "Sizes of clusters",
        "The share of rows in each cluster. Grey lines are the codes that were later merged into "
        "clusters. The dashed line marks equal sizes.",
    ),
    "drawn rows": (
        "Drawn rows",
        "Whether drawn rows of a cluster vary as much as real ones, and are assigned to the "
        "cluster from which they were drawn. Both should come near 1.",
    ),
}


class Picture(NamedTuple):
    """An image on the page, with its caption and the text under the mouse pointer."""

    source: str
    caption: str
    told: str


class Panel(NamedTuple):
    """A plot of training, with the names and styles of its lines."""

    title: str
    explained: str
    plot: Any
    named: list[tuple[str, dict[str, Any]]]


def page(report: "ClusterReport") -> str:
    """The whole page of a report."""
    environment = Environment(
        loader=PackageLoader("gan_cluster.inspection", "."), autoescape=True, trim_blocks=True
    )
    n_rows = len(report.rows)
    is_table = report.profile is not None
    limits = _limits(report)
    atlas = None if is_table else _Atlas(report, limits)
    panels = _history(report)
    plots: dict[Any, Any] = {"map-plot": _map(report, atlas)}
    plots |= {f"training-{i}": panel.plot for i, panel in enumerate(panels)}
    context = {
        "version": __version__,
        "n_rows": n_rows,
        "clusters": report.clusters,
        "largest": max(part.size for part in report.clusters),
        "colours": _colours(len(report.clusters)),
        "is_table": is_table,
        "map": report.map,
        "panels": panels,
        "bokeh": Resources(mode="inline", components=["bokeh"]).render_js(),
        "plots": _for_script([json_item(plot, place) for place, plot in plots.items()]),
        "atlas": atlas.source if atlas else None,
    }
    if is_table:
        context |= _tables(report)
    else:
        context |= {
            "pictures": [_pictures(report, part, limits) for part in report.clusters],
            "walks": [_strips(report, *item, limits) for item in report.traversals.items()],
        }
    return environment.get_template("report.html").render(context)


def _for_script(content: Any) -> str:
    """JSON in which nothing can end the HTML script element around it."""
    return json.dumps(content).replace("<", "\\u003c").replace(">", "\\u003e")


def _limits(report: "ClusterReport") -> tuple[float, float]:
    drawn = [part.drawn for part in report.clusters]
    return value_range(report.rows, *drawn, *(walk.rows for walk in report.traversals.values()))


def _colours(n: int) -> list[str]:
    if n <= 20:
        return list(Category10[10] if n <= 10 else Category20[20])[:n]
    return [turbo(min(n, 256))[i % 256] for i in range(n)]


def _encoded(image: np.ndarray, most: int) -> tuple[str, str]:
    """An image (height, width, 1 or 3) of bytes as base64, and its type.

    The type is PNG, or JPEG if PNG takes more than ``most`` bytes. The quality of JPEG is lowered
    in steps until the image takes at most that many.
    """
    picture = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
    file, kind = io.BytesIO(), "png"
    picture.save(file, "png")
    for quality in QUALITIES:
        if file.tell() > most:
            file, kind = io.BytesIO(), "jpeg"
            picture.save(file, "jpeg", quality=quality)
    return base64.b64encode(file.getvalue()).decode(), f"image/{kind}"


def _source(image: np.ndarray) -> str:
    """A picture, or a strip of square pictures, as a data URL."""
    height, width = image.shape[:2]
    content, kind = _encoded(image, PICTURE_BYTES * max(1, height // width))
    return f"data:{kind};base64,{content}"


class _Atlas:
    """One image with the pictures of all rows on the map; the page shows parts of it."""

    def __init__(self, report: "ClusterReport", limits: tuple[float, float]):
        indices = report.map.indices
        assert report.layout.image_shape is not None
        _, height, width = report.layout.image_shape
        longest = max(height, width)
        fitting = sqrt(ATLAS_PIXELS / (len(indices) * height * width)) * longest
        small = thumbnails(
            report.layout, report.rows[indices], limits, max(8, int(min(SIDE, fitting)))
        )
        n, height, width, channels = small.shape
        n_columns = ceil(sqrt(n * height / width))
        n_rows = ceil(n / n_columns)
        tiles = np.zeros((n_rows * n_columns, height, width, channels), dtype=np.uint8)
        tiles[:n] = small
        laid = tiles.reshape(n_rows, n_columns, height, width, channels).swapaxes(1, 2)
        whole = laid.reshape(n_rows * height, n_columns * width, channels)
        content, kind = _encoded(whole, ATLAS_BYTES)
        self.source = {"content": content, "kind": kind}
        scale = max(1, ceil(SHOWN / max(height, width)))
        self.width, self.height = width * scale, height * scale
        self.size = n_columns * self.width, n_rows * self.height
        self.left = np.arange(n) % n_columns * self.width
        self.top = np.arange(n) // n_columns * self.height

    @property
    def style(self) -> str:
        """CSS that shows the part of the image that belongs to a point of the map."""
        return (
            f"width:{self.width}px;height:{self.height}px;background-image:var(--atlas);"
            f"background-size:{self.size[0]}px {self.size[1]}px;"
            "background-position:-@{left}px -@{top}px;image-rendering:pixelated"
        )


def _plain_figure(**settings: Any) -> Any:
    """A plot as wide as the page, in colours that are visible on light and on dark pages."""
    plot = figure(
        sizing_mode="stretch_width",
        background_fill_color=None,
        border_fill_color=None,
        outline_line_color=GREY,
        outline_line_alpha=0.4,
        tools="pan,box_zoom,wheel_zoom,reset",
        active_drag=None,
        **settings,
    )
    plot.toolbar.logo = None
    for axis in plot.axis:
        axis.update(
            axis_label_text_color=GREY,
            major_label_text_color=GREY,
            axis_line_color=GREY,
            major_tick_line_color=GREY,
            minor_tick_line_color=None,
        )
    plot.grid.grid_line_alpha = 0.2
    return plot


def _map(report: "ClusterReport", atlas: _Atlas | None) -> Any:
    indices, places, _ = report.map
    labels = report.labels[indices]
    colours = np.array(_colours(len(report.clusters)))
    points = {
        "x": places[:, 0].astype(np.float32),
        "y": places[:, 1].astype(np.float32),
        "row": indices.astype(np.int32),
        "cluster": labels.astype(np.int32),
        "certainty": report.certainty[indices].astype(np.float32),
        "colour": colours[labels].tolist(),
    }
    told = [("row", "@row"), ("cluster", "@cluster"), ("probability", "@certainty{0.000}")]
    shown: Any = told
    if atlas is not None:
        points |= {"left": atlas.left.astype(np.int32), "top": atlas.top.astype(np.int32)}
        shown = (
            f'<div style="{atlas.style}"></div>'
            "<div>row @row<br>cluster @cluster<br>probability @certainty{0.000}</div>"
        )
    else:
        for j in _telling(report)[:HOVERED]:
            points[f"column{j}"] = report.rows[indices, j].astype(np.float64)
            shown = [*shown, (report.feature_names[j], f"@column{j}")]
    plot = _plain_figure(height=520)
    plot.axis.visible = False
    plot.grid.visible = False
    source = ColumnDataSource(points)
    drawn = plot.scatter(
        "x", "y", source=source, size=5 if len(indices) > 2000 else 7, color="colour", alpha=0.6
    )
    plot.add_tools(HoverTool(renderers=[drawn], tooltips=shown, limit=1, attachment="horizontal"))
    middles = [np.median(places[labels == cluster], axis=0) for cluster in np.unique(labels)]
    plot.text(
        [float(x) for x, _ in middles],
        [float(y) for _, y in middles],
        [str(cluster) for cluster in np.unique(labels)],
        text_align="center",
        text_baseline="middle",
        text_font_style="bold",
        text_color="black",
        background_fill_color="white",
        background_fill_alpha=0.8,
        border_radius=4,
        padding=3,
    )
    return plot


def _history(report: "ClusterReport") -> list[Panel]:
    epochs = [row["epoch"] for row in report.history]
    limits = epochs[0] - 0.5, epochs[-1] + 0.5
    joined = when_joined(report.history)
    panels = []
    for unit, drawn in curves(report.history).items():
        plot = _plain_figure(
            height=220,
            toolbar_location=None,
            x_range=limits,
            x_axis_label="epoch",
            y_axis_label=unit,
        )
        colours = _colours(max(10, 1 + max(curve.colour for curve in drawn)))
        named = []
        for curve in drawn:
            is_grey = curve.kind in ("equal", "before")
            style = {
                "color": GREY if is_grey else colours[curve.colour],
                "width": WIDTHS[curve.kind],
                "dash": "dashed" if curve.kind in ("ceiling", "equal") else "solid",
            }
            plot.line(epochs, curve.values, alpha=1 - 0.5 * (curve.kind == "before"), **style)
            if curve.label is not None:
                named.append((curve.label, style))
        if joined is not None:
            plot.vspan(x=[joined], line_color=GREY, line_dash="dotted")
        plot.yaxis.formatter = NumeralTickFormatter(format="0.[00]")
        panels.append(Panel(*EXPLAINED[unit], plot, named))
    return panels


def _pictures(
    report: "ClusterReport", part: Any, limits: tuple[float, float]
) -> list[tuple[str, list[Picture]]]:
    """Three named groups of pictures of a cluster of images."""

    def of_rows(indices: np.ndarray) -> list[Picture]:
        small = thumbnails(report.layout, report.rows[indices], limits, SIDE)
        return [
            Picture(_source(image), str(index), f"row {index}, {report.certainty[index]:.3f}")
            for image, index in zip(small, indices, strict=True)
        ]

    drawn = thumbnails(report.layout, part.drawn, limits, SIDE)
    return [
        ("Most certain members", of_rows(part.surest)),
        ("Least certain members", of_rows(part.least)),
        ("Drawn by the generator", [Picture(_source(image), "", "drawn") for image in drawn]),
    ]


def _strips(
    report: "ClusterReport", code: str, walk: Traversal, limits: tuple[float, float]
) -> dict[str, Any]:
    """A code with a slider: for each draw, one image with all values below each other."""
    n_draws, n_values, n_features = walk.rows.shape
    small = thumbnails(report.layout, walk.rows.reshape(-1, n_features), limits, SIDE)
    strips = small.reshape(n_draws, -1, *small.shape[2:])
    named: Any = walk.clusters or [None] * n_draws
    return {
        "code": code,
        "values": [f"{value:.3g}" for value in walk.values],
        "middle": n_values // 2 if code.startswith("continuous") else 0,
        "ratio": small.shape[2] / small.shape[1],
        "pictures": [
            Picture(_source(strip), "" if name is None else f"cluster {name}", "drawn")
            for strip, name in zip(strips, named, strict=True)
        ],
    }


def _telling(report: "ClusterReport") -> np.ndarray:
    """Columns of a table in which clusters differ, the largest difference first."""
    assert report.profile is not None
    spread = np.nan_to_num(np.nanstd(report.profile, axis=0))
    return np.argsort(-spread, kind="stable")[:COLUMNS]


def _tables(report: "ClusterReport") -> dict[str, Any]:
    """Profiles, members and walks of clusters of a table, as texts."""
    assert report.profile is not None
    columns = np.sort(_telling(report))
    means = report.profile[:, columns]
    limit = np.nanmax(np.abs(means)) or 1.0
    return {
        "columns": [report.feature_names[j] for j in columns],
        "n_columns": len(report.feature_names),
        "profile": [[(f"{mean:z.1f}", mean / limit) for mean in row] for row in means.tolist()],
        "members": [
            [
                ("Most certain members", _cells(report.rows[part.surest][:, columns], part.surest)),
                ("Least certain members", _cells(report.rows[part.least][:, columns], part.least)),
                ("Drawn by the generator", _cells(part.drawn[:, columns])),
            ]
            for part in report.clusters
        ],
        "walks": [
            {
                "code": code,
                "values": [f"{value:.3g}" for value in walk.values],
                "middle": len(walk.values) // 2 if code.startswith("continuous") else 0,
                "tables": [
                    _cells(walk.rows[:, i][:, columns], walk.clusters or range(len(walk.rows)))
                    for i in range(len(walk.values))
                ],
            }
            for code, walk in report.traversals.items()
        ],
    }


def _cells(rows: np.ndarray, names: Any = None) -> list[tuple[str, list[str]]]:
    """Rows of a table as texts, each with its name."""
    called = [""] * len(rows) if names is None else [str(name) for name in names]
    texts = [[f"{value:.4g}" for value in row] for row in np.asarray(rows, dtype=float)]
    return list(zip(called, texts, strict=True))
