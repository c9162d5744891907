"""The numbers of an exposure: what each is called, what it means, and what to do when it is beyond its limits."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FIGURES", "Figure", "figure_of", "is_name", "words_of"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One number.

    Parameters
    ----------
    name
        In the JSON files, and where limits are given.
    label
        What people read.
    unit
        Its unit; ``"*"`` for that of the product.
    form
        How it is written.
    meaning
        Its definition.
    advice
        What to do when it is beyond its limits.
    is_trend
        Whether the index shows it against time.
    """

    name: str
    label: str
    unit: str
    form: str
    meaning: str
    advice: str = "look at the exposure"
    is_trend: bool = False

    def words(self, value: float, unit: str = "") -> str:
        """Return a value with its unit."""
        number = f"{value:{self.form}}".replace("%", " %")
        return f"{number} {unit if self.unit == '*' else self.unit}".strip()

    def exactly(self, value: float, *edges: float) -> str:
        """Return a value with its unit, in so many digits that it is none of `edges`."""
        if self.words(value) not in map(self.words, edges):
            return self.words(value)
        factor, unit = (100, "%") if self.form.endswith("%") else (1, self.unit.strip("*"))
        return f"{factor * value:.8g} {unit}".strip()

    def edges(self, low: float, high: float) -> str:
        """Return limits with their unit."""
        factor, unit = (100, "%") if self.form.endswith("%") else (1, self.unit.strip("*"))
        return f"{factor * low:g} to {factor * high:g} {unit}".strip()


_ALL = (
    Figure(
        "sky",
        "Sky",
        "",
        ".4g",
        "level of the sky that was subtracted (BKGSKY), or is still in the image, in the unit of the rate",
        is_trend=True,
    ),
    Figure(
        "sky_ratio",
        "Sky over that of the group",
        "",
        ".3g",
        "sky over the median of the exposures of its detector, filter and read mode, where there are three",
        "compare it with the exposures beside it: clouds, the Moon, twilight, a warm dome",
    ),
    Figure(
        "residual_sky",
        "Residual sky",
        "sigma",
        ".3f",
        "median of the pixels between sources over the standard deviation of one pixel, where the sky was subtracted",
        "the background exposures do not have the sky of this one: take nearer ones, or set background.match",
        is_trend=True,
    ),
    Figure("residual", "Residual sky", "*", ".4g", "the same in the unit of the product"),
    Figure(
        "noise",
        "Noise of a pixel",
        "*",
        ".4g",
        "1.4826 median absolute deviation of the pixels between sources, of one integration",
    ),
    Figure(
        "noise_ratio",
        "Noise ratio",
        "",
        ".3f",
        "1.4826 median absolute deviation of (value - level) / ERR between sources; 1 where the errors are true",
        "above 1 the errors are too small (gain, read noise, structure in the sky), below 1 too large",
        is_trend=True,
    ),
    Figure(
        "bad_fraction",
        "Bad pixels",
        "",
        ".3%",
        "fraction of the pixels with DO_NOT_USE",
        "see its DQ bits: a mask or a dark of another detector, or many cosmic rays",
        is_trend=True,
    ),
    Figure(
        "saturated_fraction",
        "Saturated pixels",
        "",
        ".3%",
        "fraction of the pixels with SATURATED",
        "take shorter exposures, or more coadds",
    ),
    Figure(
        "zero_point", "Zero point", "mag AB", ".3f", "AB magnitude of 1 electron/s, of stars (ZP_AB)", is_trend=True
    ),
    Figure("fwhm", "FWHM", "arcsec", ".4f", "width of a star, where a catalogue was made (FWHM)", is_trend=True),
    Figure(
        "limiting_magnitude",
        "Limiting magnitude",
        "mag AB",
        ".2f",
        "5 standard deviations in an aperture with a radius of 3 pixels; the light outside is not counted",
        is_trend=True,
    ),
)
FIGURES = {one.name: one for one in _ALL}
_AGE = "_age"


def is_name(name: str) -> bool:
    """Whether limits can be given for a name: a number, the age of a reference type, or a header keyword."""
    is_keyword = len(name) <= 8 and name.isascii() and name.upper() == name and name.replace("-", "").isidentifier()
    return name in FIGURES or is_keyword or (name.endswith(_AGE) and name != _AGE)


def figure_of(name: str) -> Figure:
    """Return the figure of a name for which `is_name` is true."""
    if name in FIGURES:
        return FIGURES[name]
    if name.endswith(_AGE):
        reftype = name.removesuffix(_AGE)
        return Figure(
            name,
            f"Age of the {reftype}",
            "days",
            ".3g",
            f"time between the exposure and the {reftype}, where its DATE-OBS says when it was taken",
            f"take a {reftype} nearer in time, or add one to the store; iris references explain has the others",
        )
    return Figure(name, name, "", ".4g", f"keyword {name} of the product")


def words_of(name: str, value: float, unit: str = "") -> str:
    """Return a value as people read it."""
    return figure_of(name).words(value, unit)
