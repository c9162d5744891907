"""The panels that count pixels, read back from the figure: what is in them is what was put in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from iris_compare import draw_difference, measure_difference
from iris_compare._difference import BitChange
from iris_compare._statistics import show_against_signal, show_bits, show_histogram
from iris_testkit import make_exposure
from matplotlib.figure import Figure
from matplotlib.legend import Legend

from iris_core import DQ

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@pytest.fixture
def axes() -> Axes:
    return Figure().subplots()


def line(axes: Axes, label: str) -> tuple[Any, Any]:
    """Return the points of the line whose label begins so."""
    (found,) = [one for one in axes.lines if str(one.get_label()).startswith(label)]
    return np.asarray(found.get_xdata()), np.asarray(found.get_ydata())


def title_of(axes: Axes) -> str:
    legend = axes.get_legend()
    assert legend is not None
    return legend.get_title().get_text()


def counted(axes: Axes) -> int:
    """Return how many pixels the bars of a histogram count."""
    return int(sum(bar.get_height() for bar in axes.containers[0]))  # type: ignore[union-attr]


def test_a_histogram_counts_every_pixel_and_marks_the_median(axes: Axes) -> None:
    values = np.random.default_rng(1).normal(3.0, 1.0, (50, 60))
    values[:5] = np.nan
    show_histogram(axes, values, "difference", 0)
    known = values[np.isfinite(values)]
    low, high = axes.get_xlim()
    inside = int(np.count_nonzero((known >= low) & (known <= high)))
    assert counted(axes) == inside
    assert line(axes, "median")[0][0] == pytest.approx(np.median(known))
    assert line(axes, "no difference")[0][0] == 0
    assert low < 0 < high


def test_pixels_far_out_are_counted_in_words(axes: Axes) -> None:
    """Three of 30 000 would squeeze the others into one bar."""
    values = np.random.default_rng(2).normal(0.0, 1.0, 30_000)
    values[:3] = [1e4, -1e4, 1e5]
    show_histogram(axes, values, "difference", 0)
    low, high = axes.get_xlim()
    assert -20 < low < high < 20
    beyond = int(np.count_nonzero((values < low) | (values > high)))
    assert beyond >= 3
    assert title_of(axes).endswith(f": {beyond}")
    assert counted(axes) == 30_000 - beyond


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_equal_values_are_one_bar(axes: Axes, value: float) -> None:
    show_histogram(axes, np.full((4, 5), value), "ratio", 1)
    assert counted(axes) == 20
    assert sum(bool(bar.get_height()) for bar in axes.containers[0]) == 1  # type: ignore[union-attr]


def test_no_pixel_is_said_in_words(axes: Axes) -> None:
    show_histogram(axes, np.full((3, 3), np.nan), "ratio", 1)
    assert [text.get_text() for text in axes.texts] == ["no pixel to count"]


def test_an_offset_is_level_over_the_signal(axes: Axes) -> None:
    signal = np.random.default_rng(3).uniform(10, 20, (80, 80))
    show_against_signal(axes, signal, np.full((80, 80), 0.5), "DN/s")
    x, y = line(axes, "median")
    assert len(x) > 10
    np.testing.assert_allclose(y, 0.5)
    assert axes.get_xlabel().endswith("[DN/s]")


def test_a_factor_is_a_straight_line_over_the_signal(axes: Axes) -> None:
    signal = np.random.default_rng(4).uniform(10, 20, (80, 80))
    show_against_signal(axes, signal, 0.01 * signal, "DN/s")
    x, y = line(axes, "median")
    np.testing.assert_allclose(y, 0.01 * x, rtol=1e-9)
    assert axes.get_xscale() == "linear"


def test_signals_over_decades_get_axes_of_decades(axes: Axes) -> None:
    signal = 10 ** np.random.default_rng(5).uniform(0, 5, (80, 80))
    show_against_signal(axes, signal, 0.01 * signal, "DN/s")
    assert (axes.get_xscale(), axes.get_yscale()) == ("asinh", "asinh")
    x, y = line(axes, "median")
    np.testing.assert_allclose(y, 0.01 * x, rtol=1e-9)


@pytest.mark.parametrize(("difference", "words"), [(0.0, "no difference"), (np.nan, "no pixel")])
def test_where_nothing_differs_there_is_no_plot(axes: Axes, difference: float, words: str) -> None:
    show_against_signal(axes, np.ones((4, 4)), np.full((4, 4), difference), "DN/s")
    (text,) = axes.texts
    assert text.get_text().startswith(words)
    assert not axes.lines


def test_bits_gained_go_right_and_bits_lost_go_left(axes: Axes) -> None:
    show_bits(axes, {"HOT": BitChange(gained=30, lost=0), "DEAD": BitChange(gained=2, lost=500)})
    gained, lost = ([bar.get_width() for bar in container] for container in axes.containers)  # type: ignore[union-attr]
    assert gained == [30, 2]
    assert lost == [0, -500]
    names = [text.get_text() for text in axes.texts]
    assert {"HOT", "DEAD", "30", "2", "500"} <= set(names)


def test_no_legend_depends_on_the_speed_of_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Matplotlib warns where it takes long to find the best place: none is looked for."""

    def refuse(*_args: Any, **_options: Any) -> None:
        pytest.fail("a legend looks for the best place")

    monkeypatch.setattr(Legend, "_find_best_position", refuse)
    first = make_exposure((40, 50), value=np.random.default_rng(6).normal(10, 1, (40, 50)))
    other = first.scale(1.1).flag(np.eye(40, 50, dtype=bool), DQ.HOT)
    path = tmp_path / "picture.png"
    draw_difference(first, other, measure_difference(first, other), path, names=("one", "two"), title="cal")
    assert path.stat().st_size > 20_000


def test_ratios_that_differ_in_the_last_bit_have_a_histogram(axes: Axes) -> None:
    """Between two neighbours in float32 there is no place for a hundred bins."""
    ratios = np.ones((20, 20), dtype=np.float32)
    ratios[::2] = np.nextafter(np.float32(1), np.float32(2))
    show_histogram(axes, ratios, "ratio", 1)
    assert sum(patch.get_height() for patch in axes.patches) == ratios.size
