"""The pictures of a page: an exposure after each stage that was saved, all on one stretch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from iris_verify import image_planes

from iris_core import Array, Exposure, InputError, read_exposure, unit_string
from iris_report._night import Observation, Product
from iris_report._pictures import Stretch, data_uri, encode, find_stretch, mean_of_blocks, median_of

__all__ = ["SIDE", "Picture", "pictures_of", "scale_of", "stack_picture", "unit_of"]

SIDE = 512  # pixels of a picture
_PICTURES = 230_000  # bytes of all pictures of a page, as text


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of a product.

    Parameters
    ----------
    title
        Which product.
    address
        ``data:`` with the picture.
    caption, alt
        What is shown, with its limits.
    """

    title: str
    address: str
    caption: str
    alt: str


def pictures_of(observation: Observation, image: Array, raw: Path | None) -> Iterator[Picture]:
    """Yield a picture of the exposure, and of each product, all on the stretch of what was measured.

    Each begins as far below its own sky, so that what a stage changes is seen.

    Parameters
    ----------
    observation
        The exposure.
    image
        What `mean_of_blocks` made of the product that was measured.
    raw
        The file of the exposure itself; None where it was not found.
    """
    main, number = observation.main, len(observation.products) + (raw is not None)
    shared = _Shared(find_stretch(image), median_of(image), scale_of(main.outline), _PICTURES * 3 // 4 // number)
    if raw is not None:
        with suppress(InputError):  # a file that only its own reader of that time can read
            yield _draw(raw, "exposure", read_exposure(raw, pixels=False), _means_of(raw), shared)
    for one in observation.products:
        yield _draw(one.path, one.suffix, one.outline, image if one is main else _means_of(one.path), shared)


@dataclass(frozen=True, slots=True)
class _Shared:
    """What pictures share: the stretch of an image with a sky, its unit in that of the rate, and bytes for each."""

    stretch: Stretch
    sky: float
    scale: float
    budget: int

    def of(self, image: Array, scale: float) -> Stretch:
        """Return the stretch for an image in another unit."""
        return self.stretch.at(
            median_of(image) - (self.sky - self.stretch.low) * scale / self.scale, scale / self.scale
        )


def _means_of(path: Path) -> Array:
    return mean_of_blocks(image_planes(path)["SCI"], SIDE)


def _draw(path: Path, title: str, outline: Exposure, image: Array, shared: _Shared) -> Picture:
    """Draw an image; one whose unit is no rate, and no surface brightness, has a stretch of its own."""
    unit = unit_of(outline)
    stretch = shared.of(image, scale_of(outline)) if unit.endswith(("/s", "/sr")) else find_stretch(image)
    limits = f"black {stretch.low:.4g}, white {stretch.high:.4g} {unit}".strip()
    *cube, rows, columns = outline.data.shape
    side = -(-max(rows, columns) // SIDE)
    shape = f"{columns} x {rows} pixels" + (f", the first of {cube[0]} integrations" if cube else "")
    blocks = f"; means of {side} x {side}" if side > 1 else ""
    address = data_uri(encode(image, stretch, shared.budget))
    return Picture(title, address, f"{shape}{blocks}; {limits}", f"{path.name}: {limits}")


def unit_of(outline: Exposure) -> str:
    """Return the unit of an exposure as BUNIT has it, ``""`` where it is not known."""
    return "" if outline.unit is None else unit_string(outline.unit)


def scale_of(outline: Exposure) -> float:
    """Return how many of its unit are one of the rate: of MJy/sr PHOTMJSR, otherwise 1."""
    header = outline.sci_header
    return float(header["PHOTMJSR"]) if unit_of(outline) == "MJy/sr" and header.get("PHOTMJSR") else 1.0


def stack_picture(product: Product, budget: int) -> Picture:
    """Return a picture of a stack on its own stretch, of at most `budget` bytes."""
    image = _means_of(product.path)
    shared = _Shared(find_stretch(image), median_of(image), scale_of(product.outline), budget)
    return _draw(product.path, product.path.name, product.outline, image, shared)
