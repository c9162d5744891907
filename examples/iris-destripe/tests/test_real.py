"""NIRC2 frames of the COSMOS01 dither, where they are: the rows come down to the noise, sky and sources stay."""

from __future__ import annotations

from pathlib import Path

import iris_core
import numpy as np
import pytest
from iris_core import Doubles, Exposure, Image

pytest.importorskip("iris_nirc2")

RECIPE = """\
recipe: 1
name: nirc2-destripe
backgrounds: others
steps:
  - flag_bad_pixels
  - linearity
  - dark_current
  - flat_field
  - background: {save: net, params: {match: factor}}
  - destripe: {save: destriped, params: {channels_x: 2, channels_y: 2, box_size: 64}}
"""


def scatter_of_rows(exposure: Exposure) -> Doubles:
    """Return, for each quadrant, how the medians of its rows scatter about their running mean."""
    quadrants = (exposure.data[y : y + 512, x : x + 512] for y in (0, 512) for x in (0, 512))
    return np.array([_scatter(np.nanmedian(quadrant, axis=1)) for quadrant in quadrants])


def _scatter(medians: Image) -> float:
    smooth = np.convolve(np.pad(medians, 16, mode="reflect"), np.ones(33) / 33, mode="valid")
    return float(1.4826 * np.median(np.abs(medians - smooth)))


def test_the_rows_of_every_quadrant_come_down_to_the_noise(real: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "nirc2-destripe.yaml"
    recipe.write_text(RECIPE)
    references = {
        "dark": real / "cal" / "drk_80_1_16_11apr.fits.gz",
        "flat": real / "cal" / "flat_Ks_W_11apr.fits.gz",
        "mask": real / "cal" / "badpix_12oct.fits.gz",
    }
    files = sorted((real / "raw").glob("n003[1-3].fits.gz"))
    report = iris_core.run(recipe, *files, references=references, directory=tmp_path)
    assert not report.failed
    for result in report.results:
        before, after = (iris_core.read_fits(result.products[suffix]) for suffix in ("net", "destriped"))
        assert before.err is not None
        noise = 1.2533 * float(np.nanmedian(before.err)) / np.sqrt(512)  # of the median of 512 pixels
        assert (scatter_of_rows(after) < 1.05 * noise).all()
        assert scatter_of_rows(before).max() > 1.2 * noise
        taken = before.data - after.data
        assert abs(np.nanmean(taken)) < 1e-4
        bright = before.data > np.nanpercentile(before.data, 99.9)
        assert abs(np.nanmedian(taken[bright])) < 2 * noise
