"""The parts that all displays share: ``plot``, and texts of their docstrings."""

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
    The coloured cells.
text_ : ndarray of shape (n_rows, n_columns) or None
    The texts in the cells.
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
    If the estimator is not of the class that is required.
""",
}


def documented(cls: Documented) -> Documented:
    """Insert the shared texts into the docstrings of a display."""
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
