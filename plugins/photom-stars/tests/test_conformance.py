"""The stage photom keeps every rule of the framework that can hold for a factor measured in the exposure itself."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from astropy import units as u
from astropy.table import Table
from iris_photom_stars import plugin
from iris_testkit import FileTruth, StageConformance, add_wcs, make_exposure
from scipy.special import erf

from iris_core import Exposure

WIDTH = 2.5 / 2.3548 * np.sqrt(2)


def along(size: int, place: np.ndarray) -> np.ndarray:
    """Return the share of a Gaussian star in each row or column."""
    return np.diff(erf((np.arange(size + 1)[:, np.newaxis] - 0.5 - place) / WIDTH), axis=0) / 2


class TestConformance(StageConformance):
    """The rules that every stage has to keep, on a grid of stars over a sky that was subtracted."""

    plugin = plugin
    stage = "photom"
    params: ClassVar = {"total": 6.0}
    shape = (136, 168)
    exempt: ClassVar = {
        "subarray": "a window holds other stars than the full frame, which give it a zero point of its own",
        "integrations": "the zero point is that of the mean of the integrations; one alone would have its own",
    }

    def stars(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return places and fluxes."""
        y, x = (axis.ravel() + 0.3 for axis in np.mgrid[28:136:40, 28:168:37])
        return x, y, np.geomspace(2e3, 2e4, len(x))

    def truth(self) -> Exposure:
        """Return the stars."""
        x, y, flux = self.stars()
        value = np.einsum("ik,jk,k->ij", along(self.shape[0], y), along(self.shape[1], x), flux)
        return add_wcs(make_exposure(self.shape, value=value, poisson=0.5 + value / 100, rnoise=0.5))

    def reference(self, reftype: str) -> FileTruth:
        """Return the catalogue."""
        exposure = self.truth()
        x, y, flux = self.stars()
        assert reftype == "catalog"
        assert exposure.wcs is not None
        ra, dec = exposure.wcs(x, y)
        columns = {
            "ra": ra * u.deg,
            "dec": dec * u.deg,
            "mag": (28 - 2.5 * np.log10(flux)) * u.mag,
            "mag_err": np.full(len(x), 0.001) * u.mag,
            "band": [exposure.meta.filter] * len(x),
        }
        table = Table(columns, meta={"REFTYPE": "catalog", "MAGSYS": "AB"})
        return FileTruth(ending=".ecsv", write=lambda path: table.write(path, format="ascii.ecsv"))
