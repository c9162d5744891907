"""Parameters of the stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import model_validator

from iris_core import Params, parameter

__all__ = ["LEAST_STARS", "ZeroPointParams"]

# A curve of growth, and a shift of the catalogue, take so many stars.
LEAST_STARS = 3


class ZeroPointParams(Params):
    """Parameters of photom from stars."""

    band: str = parameter("", "Band of the catalogue; by default that of the same name as the exposure's filter.")
    system: Literal["", "AB", "Vega"] = parameter(
        "", "System of the catalogue's magnitudes; by default as the catalogue states."
    )
    ab_offset: float | None = parameter(
        None, "AB - Vega in the band; by default as the catalogue states; used for Vega magnitudes only.", "mag"
    )
    detection: float = parameter(
        5.0, "How far above the background a star has to be to be found.", "standard deviations", gt=0
    )
    fwhm: float | None = parameter(None, "Width of a star; measured by default.", "pixel", gt=0)
    aperture: float = parameter(2.0, "Radius of the aperture.", "fwhm", gt=0)
    sky_inner: float = parameter(4.0, "Inner radius of the sky around the aperture.", "fwhm", gt=0)
    sky_outer: float = parameter(6.0, "Outer radius of the sky around the aperture.", "fwhm", gt=0)
    total: float = parameter(
        20.0, "Largest radius of the circle that holds all light of a star; its sky reaches to 1.5 times that.", "fwhm",
        gt=0,
    )  # fmt: skip
    correction: float | None = parameter(
        None, "Aperture correction, not above 0: what is added to a magnitude in the aperture; measured by default.",
        "mag", le=0,
    )  # fmt: skip
    correction_error: float = parameter(0.02, "Standard deviation of `correction`.", "mag", ge=0)
    psf_sampling: float = parameter(1.0, "Pixels of the PSF file along one pixel of the exposure.", gt=0)
    max_correction: float = parameter(0.75, "Largest aperture correction that is measured.", "mag", gt=0)
    color_term: float = parameter(
        0.0, "Added to the magnitude of a star for each magnitude of its `color` in the catalogue."
    )
    max_shift: float = parameter(
        0.5, "Largest shift between catalogue and exposure, common to all stars.", "arcsec", ge=0
    )
    match_radius: float = parameter(1.0, "How far from its place in the catalogue a star may be.", "fwhm", gt=0)
    min_snr: float = parameter(20.0, "Least signal over noise of a star in its aperture.", gt=0)
    max_blend: float = parameter(
        0.01, "Largest share of the light in an aperture that may be that of known neighbours.", gt=0
    )
    clip: float = parameter(3.0, "Clipping threshold for a star's zero point.", "standard deviations", gt=1)
    min_stars: int = parameter(
        3, "Least number of stars in the mean, or `stars`; below 3 (1 for a standard star) with `correction` only.",
        ge=1,
    )  # fmt: skip
    max_scatter: float = parameter(
        0.2, "Largest scatter of the stars beyond their errors; above it they are not the stars of the catalogue.",
        "mag", gt=0,
    )  # fmt: skip

    @model_validator(mode="before")
    @classmethod
    def _stars_for_short(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and "stars" in given and "min_stars" not in given:
            return {"min_stars" if key == "stars" else key: value for key, value in given.items()}
        return given

    @model_validator(mode="after")
    def _few_stars_need_a_correction(self) -> ZeroPointParams:
        if self.min_stars < LEAST_STARS and self.correction is None:
            raise ValueError(
                f"with min_stars {self.min_stars} the aperture correction has to be given ('correction', "
                f"'correction_error'): {LEAST_STARS} stars are needed to measure it"
            )
        return self

    @model_validator(mode="after")
    def _radii_grow(self) -> ZeroPointParams:
        if not self.aperture <= self.sky_inner < self.sky_outer <= self.total:
            raise ValueError(
                f"aperture {self.aperture:g} <= sky_inner {self.sky_inner:g} < sky_outer {self.sky_outer:g} "
                f"<= total {self.total:g} does not hold; they are radii of growing circles"
            )
        return self
