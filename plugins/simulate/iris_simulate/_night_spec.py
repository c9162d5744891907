"""What a simulated night is to contain."""

from __future__ import annotations

from iris_core import Params, parameter

__all__ = ["NightSpec"]


class NightSpec(Params):
    """Everything that fixes a simulated night; the same values give the same bytes.

    Raises
    ------
    pydantic.ValidationError
        When a value is not possible, or a name is unknown.
    """

    mode: str = parameter("iris-imager", "Instrument mode.")
    filters: tuple[str, ...] | None = parameter(
        None, "Filters, separated by commas; by default the first of the mode with a known sky brightness."
    )
    detectors: int | tuple[str, ...] | None = parameter(
        None, "Detectors: how many of the mode's, or their names separated by commas; by default all."
    )
    size: tuple[int, int] | None = parameter(
        None, "Columns and rows of each detector, NX or NXxNY; by default all of it.", "pixel"
    )
    seed: int = parameter(0, "Seed of all random numbers.", ge=0)
    dithers: int = parameter(5, "Science exposures of each filter, each at another position.", ge=0)
    dither_step: float | None = parameter(
        None, "Scale of the dither pattern; by default a fifth of a detector's width.", "arcsec", ge=0
    )
    darks: int = parameter(5, "Darks of each exposure time.", ge=0)
    flats: int = parameter(5, "Lamp flats of each filter with the lamp on, and as many with it off.", ge=0)
    twilights: int = parameter(5, "Twilight flats of each filter.", ge=0)
    exposure_time: float = parameter(100.0, "Time of a science exposure, all coadds together.", "s", gt=0)
    flat_time: float = parameter(10.0, "Time of a lamp or twilight flat, all coadds together.", "s", gt=0)
    reads: int = parameter(2, "Reads of a coadd: 2 is CDS, more are MCDS.", ge=2, multiple_of=2)
    coadds: int = parameter(1, "Coadds of an exposure.", ge=1)
    flat_level: float = parameter(20000.0, "Mean signal of the lamp in a flat.", "electron", gt=0)
    twilight_level: float = parameter(30000.0, "Mean signal of the first twilight flat.", "electron", gt=0)
    twilight_fall: float = parameter(0.75, "Level of a twilight flat over that of the one before.", gt=0, le=1)
    thermal: float = parameter(
        20.0, "Thermal light of telescope and dome at 2.2 um in flats, lamp on or off; it is fainter in bluer filters.",
        "electron/s", ge=0,
    )  # fmt: skip
    glow: float = parameter(0.5, "Brightest amplifier glow of one read.", "electron", ge=0)
    rays: float = parameter(0.1, "Cosmic rays in a million pixels.", "1/s", ge=0)
    defects: float = parameter(
        0.003, "Share of bad pixels: hot, dead, of low response and noisy, as 4 : 2 : 2 : 2.", ge=0, lt=0.5
    )
    sky_drift: float = parameter(
        0.05, "Part of the sky that is lost from the first science exposure to the last.", lt=1
    )
    stars: int | None = parameter(None, "Stars of the field; by default one for 160 x 160 pixels of it.", ge=0)
    brightest: float | None = parameter(None, "Highest flux; by default a peak at 0.8 of the full well.", "Jy", gt=0)
    separation: float = parameter(30.0, "Smallest distance between two stars.", "pixel", ge=0)
    galaxy: bool = parameter(
        False, "An exponential disc on the first detector; its middle, without seeing, is as bright as the sky."
    )
    galaxy_scale: float = parameter(0.1, "Scale length of the galaxy.", "arcsec", gt=0)
    ra: float = parameter(266.41684, "Right ascension of the optical axis.", "deg", ge=0, lt=360)
    dec: float = parameter(-29.00781, "Declination of the optical axis.", "deg", ge=-90, le=90)
    position_angle: float = parameter(0.0, "Position angle of the detectors' columns, north over east.", "deg")
    sky: float | None = parameter(
        None, "Sky brightness (Vega) in all filters; by default each filter's.", "mag/arcsec2"
    )
    strehl: float | None = parameter(
        None, "Share of the flux in the core; by default from 190 nm of wavefront error.", ge=0, le=1
    )
    halo_fwhm: float = parameter(0.1, "Width of the seeing halo.", "arcsec", gt=0)
    distortion: float = parameter(2.0, "Amplitude of the distortion.", "pixel", ge=0)
    photom_error: float = parameter(0.01, "Relative uncertainty that the photom reference states.", ge=0)
