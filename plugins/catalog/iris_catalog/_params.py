"""Parameters of the stage."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from iris_core import Params, parameter

__all__ = ["CatalogParams"]


class CatalogParams(Params):
    """Parameters of source_catalog."""

    detection: float = parameter(
        4.5,
        "How far above the noise of the image convolved with a star the pixels of a source are.",
        "standard deviations",
        gt=0,
    )
    deblend: bool = parameter(True, "Whether to separate sources that touch.")
    fwhm: float | None = parameter(None, "Width of a star; measured by default.", "pixel", gt=0)
    radii: tuple[float, float, float] | None = parameter(
        None,
        "Radii of the three apertures; by default those that hold 30, 50 and 70 % of the light of a star.",
        "fwhm",
    )
    sky_inner: float = parameter(5.0, "Inner radius of the local background.", "fwhm", gt=0)
    sky_outer: float = parameter(8.0, "Outer radius of the local background.", "fwhm", gt=0)
    total: float = parameter(
        20.0, "Largest radius of the circle that holds all light of a star; its sky reaches to 1.5 times that.", "fwhm",
        gt=0,
    )  # fmt: skip
    correction: float | None = parameter(
        None,
        "Aperture correction, not above 0: what is added to a magnitude in the largest aperture; measured by default.",
        "mag",
        le=0,
    )
    correction_error: float = parameter(0.02, "Standard deviation of `correction`.", "mag", ge=0)
    psf_sampling: float = parameter(1.0, "Pixels of the PSF file along one pixel of the image.", gt=0)
    ab_offset: float | None = parameter(
        None, "AB - Vega; by default that of the instrument mode, or of the 2MASS filter of the same name.", "mag"
    )

    @model_validator(mode="after")
    def _radii_grow(self) -> Self:
        radii = self.radii or (1e-9, 1e-9, 1e-9)
        if not 0 < radii[0] <= radii[1] <= radii[2] <= self.sky_inner < self.sky_outer <= self.total:
            raise ValueError(
                f"radii {self.radii} <= sky_inner {self.sky_inner:g} < sky_outer {self.sky_outer:g} <= total "
                f"{self.total:g} does not hold; they are radii of growing circles"
            )
        return self
