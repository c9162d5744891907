"""The stars of the catalogue in an image: where they are, how bright, and which of them can be used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from iris_photom_stars._aperture import Apertures, Fluxes, measure_fluxes, measure_sky, touched
from iris_photom_stars._catalog import Catalog
from iris_photom_stars._detect import Detections
from iris_photom_stars._field import inside
from iris_photom_stars._frame import Frame, discs
from iris_photom_stars._match import Match
from iris_photom_stars._neighbours import Sources, is_structure

if TYPE_CHECKING:
    from iris_core import Doubles, Mask

__all__ = ["USED", "Sample", "measure_sample"]

USED = "used"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The stars of the catalogue in and around an image, all ``(n,)``, brightest first.

    Parameters
    ----------
    catalog
        The stars; those outside of the image count as neighbours only.
    places
        Where they are, 0-based pixels ``(n, 2)``: the detection, or where the catalogue and the shift put them.
    offset
        Detection minus catalogue in pixels after the shift, ``(n, 2)``; NaN where a star was not found.
    area
        Solid angle of the pixels there over that of a mean pixel.
    fluxes
        In the aperture, NaN where a star cannot be measured.
    status
        ``used``, or the first reason why not; ``""`` outside of the image.
    others
        What else was found: places, and flux in the aperture by the peak.
    """

    catalog: Catalog
    places: Doubles
    offset: Doubles
    area: Doubles
    fluxes: Fluxes
    status: NDArray[np.str_]
    others: Sources

    @property
    def good(self) -> Mask:
        """Which stars are still to be used."""
        return np.asarray(self.status == USED)

    def counts(self) -> Counter[str]:
        """Return how many stars of the image there are of each status."""
        return Counter(str(one) for one in self.status if one)

    def without(self, reason: str, where: Mask) -> Sample:
        """Return the sample with stars rejected for a reason, where there is none yet."""
        return replace(self, status=np.where(self.good & where, reason, self.status))

    @property
    def magnitude(self) -> Doubles:
        """``-2.5 log10`` of the flux in the aperture, as if it were in pixels of the mean area."""
        with np.errstate(invalid="ignore", divide="ignore"):
            result: Doubles = -2.5 * np.log10(self.fluxes.flux * self.area)
        return result

    def expected(self) -> Doubles:
        """Return the flux that each star should have in the aperture, from the catalogue and a first zero point.

        Weights and limits that come from it do not favour stars that came out bright.
        """
        snr = np.where(self.good, self.fluxes.flux / self.fluxes.error, np.nan)
        bright = snr >= np.nanmedian(snr) if np.isfinite(snr).any() else self.good
        zero = np.median((self.catalog.mag - self.magnitude)[bright]) if bright.any() else np.nan
        result: Doubles = 10 ** (-0.4 * (self.catalog.mag - zero)) / self.area
        return result

    def sources(self) -> Sources:
        """Return all known sources with their flux in the aperture, the stars of the catalogue first."""
        flux = np.concatenate([self.expected(), self.others.flux])
        return Sources(np.concatenate([self.places, self.others.places]), flux)

    def neighbours(self, reach: float, share: Callable[[Doubles], Doubles]) -> Doubles:
        """Return for each good star the light of all other sources within `reach` pixels over its own, NaN for others.

        Parameters
        ----------
        reach
            In pixels.
        share
            From distances in pixels to the share of a neighbour's light that counts.
        """
        light = np.full(len(self.catalog), np.nan)
        good = np.flatnonzero(self.good)
        light[good] = self.sources().light_around(good, reach, share)
        return light


def measure_sample(
    frame: Frame, found: Detections, catalog: Catalog, predicted: Doubles, area: Doubles, match: Match, radii: Apertures
) -> Sample:
    """Return the stars of the catalogue, measured, with what makes some of them useless.

    Parameters
    ----------
    frame, found
        The image, and what was found in it.
    catalog, predicted, area
        Stars, where the WCS puts them, ``(n, 2)``, and the relative solid angle of the pixels there.
    match
        Which of them are which detection.
    radii
        Of the apertures.
    """
    detected = np.column_stack([found.x, found.y])
    places = predicted + match.shift
    offset = np.full(places.shape, np.nan)
    offset[match.catalog] = detected[match.detection] - places[match.catalog]
    places[match.catalog] = detected[match.detection]
    status = _first_status(frame, places, offset, radii)
    fluxes = _measure(frame, detected, places, status, radii)
    status = np.where((status == USED) & ~np.isfinite(fluxes.flux), "no sky", status)
    others = _others(found, detected, match, fluxes, status, radii)
    return Sample(catalog=catalog, places=places, offset=offset, area=area, fluxes=fluxes, status=status, others=others)


def _first_status(frame: Frame, places: Doubles, offset: Doubles, radii: Apertures) -> NDArray[np.str_]:
    """Return what is known of stars before they are measured."""
    status = np.full(len(places), "", dtype="<U10")
    there = np.flatnonzero(inside(places, frame.shape))
    mine = places[there]
    reasons = {
        "edge": ~inside(mine, frame.shape, radii.sky[1]),
        "saturated": touched(frame.saturated, mine, radii.star),
        **{name: touched(pixels, mine, radii.core) for name, pixels in frame.marked.items()},
        "flagged": touched(frame.bad, mine, radii.star),
        "not found": np.isnan(offset[there, 0]),
    }
    status[there] = np.select(list(reasons.values()), list(reasons), USED)
    return status


def _measure(frame: Frame, detected: Doubles, places: Doubles, status: NDArray[np.str_], radii: Apertures) -> Fluxes:
    flux, error = np.full(len(places), np.nan), np.full(len(places), np.nan)
    good = status == USED
    if good.any():
        sources = discs(frame.shape, detected, radii.star)
        found = measure_fluxes(frame, places[good], radii.star, measure_sky(frame, sources, places[good], radii.sky))
        flux[good], error[good] = found.flux, found.error
    return Fluxes(flux=flux, error=error)


def _others(
    found: Detections, detected: Doubles, match: Match, fluxes: Fluxes, status: NDArray[np.str_], radii: Apertures
) -> Sources:
    """Return the detections that are no star of the catalogue, and no structure of one's image.

    Their flux is guessed from their peak: a sum over an aperture would hold the wings of a neighbour.
    """
    good = status[match.catalog] == USED
    ratio = fluxes.flux[match.catalog[good]] / found.peak[match.detection[good]]
    other = np.ones(len(found), dtype=np.bool_)
    other[match.detection] = False
    structure = is_structure(
        detected[other], found.peak[other], detected[match.detection], found.peak[match.detection], radii.sky[0]
    )
    places, peak = detected[other][~structure], found.peak[other][~structure]
    return Sources(places, peak * (float(np.median(ratio)) if len(ratio) else np.nan))
