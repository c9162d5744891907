"""One exposure: its numbers, and what its page shows of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite, log10, sqrt
from typing import Any

import numpy as np
from iris_verify import image_planes

from iris_report._gallery import SIDE, Picture, pictures_of, scale_of, unit_of
from iris_report._limits import Breach, Limits, breaches
from iris_report._night import Observation, Product
from iris_report._pictures import encode, find_stretch, mean_of_blocks
from iris_report._references import UsedReference, UsedReferences, ages
from iris_report._statistics import Sky, count_flags, measure_sky, thinned_level

__all__ = ["Entry", "Examined", "examine", "rate_level", "sky_of"]

_APERTURE = 3.0  # radius in pixels
# Keywords of a product that become numbers of its exposure.
_KEYWORDS = {"fwhm": "FWHM", "zero_point": "ZP_AB"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is known of one exposure, as it stands in ``exposures.jsonl``.

    Parameters
    ----------
    name, file, sha256
        The exposure.
    page
        Its page, relative to the index.
    measured, unit
        The product that was measured, and its unit.
    products
        Files of its products by suffix, relative to the folder of the report.
    recipe, mode, instrument, detector, filter, pupil, read_mode, target
        What it is.
    start, exposure_time
        When (UTC) and how long [s].
    figures
        Its numbers by name; those that are not known are left out.
    flags
        Fraction of the pixels by DQ bit.
    footprint
        Right ascension and declination of its corners [deg].
    references
        Reference files.
    breaches
        Numbers beyond their limits.
    """

    name: str
    file: str
    sha256: str
    page: str
    measured: str
    unit: str
    products: Mapping[str, str]
    recipe: str
    mode: str
    instrument: str
    detector: str
    filter: str
    pupil: str
    read_mode: str
    target: str
    start: str
    exposure_time: float | None
    figures: Mapping[str, float]
    flags: Mapping[str, float]
    footprint: tuple[tuple[float, float], ...]
    references: tuple[UsedReference, ...]
    breaches: tuple[Breach, ...]

    @property
    def is_warned(self) -> bool:
        """Whether it needs attention."""
        return bool(self.breaches)


@dataclass(frozen=True, slots=True)
class Examined:
    """An exposure that was looked at.

    Parameters
    ----------
    observation, entry
        The exposure, and its numbers.
    sky
        The pixels between its sources; None where no pixel is valid.
    is_subtracted
        Whether the sky was subtracted.
    pictures
        One of the exposure, where it was found, and of each product.
    small
        Its small picture for the index, JPEG; ``b""`` for none.
    """

    observation: Observation
    entry: Entry
    sky: Sky | None
    is_subtracted: bool
    pictures: tuple[Picture, ...]
    small: bytes


def sky_of(product: Product) -> float | None:
    """Return the level of the sky that was subtracted; None where the header does not say."""
    value = product.outline.sci_header.get("BKGSKY")
    return float(value) if isinstance(value, int | float) else None


def rate_level(product: Product) -> float | None:
    """Return the level of a sky that is still in an image, in the unit of the rate; None where no pixel is valid.

    Raises
    ------
    InputError
        When the file is damaged.
    """
    level = thinned_level(image_planes(product.path)["SCI"]) / scale_of(product.outline)
    return level if isfinite(level) else None


def examine(
    observation: Observation,
    *,
    page: str,
    files: Mapping[str, str],
    sky: tuple[float | None, float | None],
    limits: Limits,
    references: UsedReferences,
    small: tuple[int, int],
) -> Examined:
    """Measure an exposure, and draw its products.

    Parameters
    ----------
    observation
        The exposure.
    page, files
        Its page and its products, as addresses from the index.
    sky
        Level of its sky, and this over the median of its group; None where not known.
    limits
        Lowest and highest usual values.
    references
        Tells of reference files.
    small
        Side [pixel] and bytes of the small picture; 0 for none.
    """
    main = observation.main
    planes = image_planes(main.path)
    measured, flags, image = measure_sky(planes), count_flags(planes), mean_of_blocks(planes["SCI"], SIDE)
    used = references.of(main)
    figures = dict(_figures(main, measured, flags, sky, used))
    entry = _entry(observation, page, files, figures, flags, used, _breaches(main, figures, limits))
    pictures = tuple(pictures_of(observation, image, references.exposure(observation)))
    tiny = encode(image, find_stretch(image), small[1], small[0]) if small[0] else b""
    return Examined(observation, entry, measured, _is_subtracted(main), pictures, tiny)


def _breaches(product: Product, figures: Mapping[str, float], limits: Limits) -> tuple[Breach, ...]:
    keywords = {name: product.cards[name] for name in limits if isinstance(product.cards.get(name), int | float)}
    return tuple(breaches({**keywords, **figures}, limits))


def _is_subtracted(product: Product) -> bool:
    return "BKGMETH" in product.outline.sci_header


def _figures(
    product: Product,
    sky: Sky | None,
    flags: Mapping[str, float],
    level: tuple[float | None, float | None],
    references: list[UsedReference],
) -> Iterator[tuple[str, float]]:
    """Yield the numbers of an exposure that are known."""
    yield from ((name, value) for name, value in zip(("sky", "sky_ratio"), level, strict=True) if value is not None)
    if sky is not None:
        yield "noise", sky.noise
        if _is_subtracted(product):
            yield "residual", sky.level
            if sky.noise > 0:
                yield "residual_sky", sky.level / sky.noise
        if sky.ratio is not None:
            yield "noise_ratio", sky.ratio
    yield "bad_fraction", flags.get("DO_NOT_USE", 0.0)
    yield "saturated_fraction", flags.get("SATURATED", 0.0)
    cards = product.cards
    yield from ((name, float(cards[key])) for name, key in _KEYWORDS.items() if isinstance(cards.get(key), int | float))
    zero = _zero_point(product)
    if zero is not None and sky is not None and sky.noise > 0:
        yield "limiting_magnitude", zero - 2.5 * log10(5 * sky.noise * sqrt(np.pi) * _APERTURE)
    yield from ages(references)


def _zero_point(product: Product) -> float | None:
    """Return the AB magnitude of 1 MJy/sr in a pixel: ``-2.5 log10(1e6 PIXAR_SR / 3631)``; None in other units."""
    area = product.outline.sci_header.get("PIXAR_SR")
    if not isinstance(area, float) or area <= 0 or unit_of(product.outline) != "MJy/sr":
        return None
    return -2.5 * log10(1e6 * area / 3631)


def _entry(
    observation: Observation,
    page: str,
    files: Mapping[str, str],
    figures: Mapping[str, float],
    flags: Mapping[str, float],
    references: list[UsedReference],
    found: tuple[Breach, ...],
) -> Entry:
    main, meta = observation.main, observation.main.outline.meta
    names = ("instrument", "detector", "filter", "pupil", "read_mode", "target")
    what: dict[str, Any] = {name: getattr(meta, name) for name in names}
    return Entry(
        name=observation.name,
        file=observation.file,
        sha256=observation.sha256,
        page=page,
        measured=main.path.name,
        unit=unit_of(main.outline),
        products=files,
        recipe=main.recipe,
        mode=main.mode,
        start=meta.start_time.strftime("%Y-%m-%dT%H:%M:%S") if meta.start_time else "",
        exposure_time=meta.exposure_time,
        figures={name: float(f"{value:.7g}") for name, value in figures.items() if isfinite(value)},
        flags=flags,
        footprint=_footprint(main),
        references=tuple(references),
        breaches=found,
        **what,
    )


def _footprint(product: Product) -> tuple[tuple[float, float], ...]:
    """Return the corners that S_REGION gives; none where it gives none that can be read."""
    words = str(product.outline.sci_header.get("S_REGION", "")).split()
    if words[:2] != ["POLYGON", "ICRS"]:
        return ()
    try:
        numbers = [float(one) for one in words[2:]]
        return tuple(zip(numbers[::2], numbers[1::2], strict=True))
    except ValueError:
        return ()
