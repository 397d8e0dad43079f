"""What all displays share: plot, and the texts that would stand in each of them."""

from typing import Any, Self

from gan_cluster._docs import Documented, filled

TEXTS = {
    "picture": """\
image_ : ndarray of shape (height, width, 3)
    The whole picture as it is drawn, in RGB from 0 to 1.
figure_ : matplotlib Figure
    The figure with the picture.
ax_ : matplotlib Axes
    The axes with the picture.
""",
    "heat map": """\
figure_ : matplotlib Figure
    The figure with the picture.
ax_ : matplotlib Axes
    The axes with the picture.
im_ : matplotlib AxesImage
    The colours.
text_ : ndarray of shape (n_rows, n_columns) or None
    The texts on them.
""",
    "ax": """\
ax : matplotlib Axes, default=None
    Where to draw; None makes a new figure with pyplot.

Returns
-------
display : object
    The display, with the picture drawn.
""",
    "raises": """\
Raises
------
ImportError
    If matplotlib is missing.
NotFittedError
    If the estimator is not fitted.
TypeError
    If it is no estimator of this library, or not of the kind that is asked for.
""",
}


def documented(cls: Documented) -> Documented:
    """Put the shared texts where docstrings of a display name them."""
    return filled(cls, TEXTS)


class Display:
    """A picture that is drawn on one pair of axes."""

    figure_: Any
    ax_: Any

    def plot(self, ax: Any = None) -> Self:
        """Draw the picture.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure with pyplot.

        Returns
        -------
        display : object
            The display itself.
        """
        self._draw(ax)
        return self

    def _draw(self, ax: Any) -> None:
        raise NotImplementedError
