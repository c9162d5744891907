"""What is to be simulated."""

from __future__ import annotations

from iris_core import Params, parameter

__all__ = ["SimulationSpec"]


class SimulationSpec(Params):
    """Everything that fixes a simulated set; the same values give the same bytes.

    Raises
    ------
    pydantic.ValidationError
        When a value is not possible, or a name is unknown.
    """

    mode: str = parameter("iris-imager", "Instrument mode.")
    filter: str = parameter("Kbb", "Filter of the mode.")
    detector: str = parameter("", "Detector of the mode; its first by default.")
    size: tuple[int, int] | None = parameter(
        None, "Columns and rows, NX or NXxNY; by default all of the detector.", "pixel"
    )
    seed: int = parameter(0, "Seed of all random numbers.", ge=0)
    exposure_time: float = parameter(100.0, "Time of an exposure, shared by its integrations.", "s", gt=0)
    integrations: int = parameter(0, "Integrations of a rateints exposure; 0 for a rate.", ge=0)
    dithers: int = parameter(1, "Science exposures, each at another position.", ge=1)
    dither_step: float = parameter(20.3, "Scale of the dither pattern.", "pixel", ge=0)
    backgrounds: int = parameter(0, "Exposures of blank sky.", ge=0)
    subarrays: int = parameter(0, "Windows that are read out as exposures of their own.", ge=0, le=10)
    stars: int | None = parameter(None, "Number of stars; by default one for 160 x 160 pixels.", ge=0)
    faintest: float | None = parameter(None, "Lowest flux; by default a hundredth of the brightest.", "Jy", gt=0)
    brightest: float | None = parameter(None, "Highest flux; by default a peak at 0.8 of the full well.", "Jy", gt=0)
    separation: float = parameter(30.0, "Smallest distance between two stars.", "pixel", ge=0)
    margin: float = parameter(24.0, "Smallest distance of a star from the edge in the first exposure.", "pixel", ge=0)
    clear: int = parameter(-1, "No defect within this many pixels of a star; -1: wherever they fall.", "pixel", ge=-1)
    ra: float = parameter(266.41684, "Right ascension of the optical axis.", "deg", ge=0, lt=360)
    dec: float = parameter(-29.00781, "Declination of the optical axis.", "deg", ge=-90, le=90)
    position_angle: float = parameter(0.0, "Position angle of the detector's columns, north over east.", "deg")
    sky: float | None = parameter(None, "Sky brightness (Vega); by default the filter's.", "mag/arcsec2")
    strehl: float | None = parameter(
        None, "Share of the flux in the core; by default from 190 nm of wavefront error.", ge=0, le=1
    )
    halo_fwhm: float = parameter(0.1, "Width of the seeing halo.", "arcsec", gt=0)
    distortion: float = parameter(2.0, "Amplitude of the distortion.", "pixel", ge=0)
    defects: float = parameter(0.001, "Share of hot and dead pixels.", ge=0, lt=0.5)
    flat_error: float = parameter(0.001, "Relative error of the flat reference.", gt=0, lt=0.1)
    dark_error: float = parameter(0.002, "Error of the dark reference.", "electron/s", gt=0)
    photom_error: float = parameter(0.01, "Relative uncertainty that the photom reference states.", ge=0)
