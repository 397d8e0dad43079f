"""What the tests of pictures share: axes to draw on, without a window."""

import pytest
from matplotlib.figure import Figure


@pytest.fixture
def ax():
    return Figure().subplots()
