"""Object masks: where the user knows that there are objects, a reference type of stages that look at the sky."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from iris_core import InputError, Reference, References, ReferenceType, hookimpl
from iris_objects._mask import ObjectMask, celestial_wcs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iris_core import Exposure

__all__ = [
    "ObjectMask",
    "celestial_wcs",
    "check_reference",
    "objects_of",
    "read_objects",
    "read_reference",
    "reference_types",
]


@hookimpl
def reference_types() -> Sequence[ReferenceType]:
    """Return the type ``objects``: regions of DS9 or a FITS image, named by hand."""
    return [ReferenceType(name="objects", kind="other", selectors=(), stated=(), firm=(), has_errors=False)]


@hookimpl
def read_reference(path: Path, reftype: str) -> ObjectMask | None:
    """Read the objects in a file."""
    return read_objects(path) if reftype == "objects" else None


@hookimpl
def check_reference(reference: Reference) -> list[str]:
    """Return why objects cannot be added to a store: they are those of one field, and no keyword selects a field."""
    if reference.reftype != "objects":
        return []
    return ["objects are those of one field; name the file for the run: --reference objects=FILE"]


def read_objects(path: str | Path) -> ObjectMask:
    """Return the objects in a file: ``.reg`` of DS9 (fk5, icrs ... or image), everything else FITS.

    Raises
    ------
    InputError
        When it cannot be read, has no region of a shape and frame that are known, or no image.

    Examples
    --------
    >>> masked = read_objects("objects.reg").of_exposure(exposure)  # doctest: +SKIP
    """
    from iris_objects._read import read_mask

    return read_mask(Path(path))


def objects_of(references: References, outlines: Sequence[Exposure]) -> ObjectMask | None:
    """Return the objects that a stage was given, None where there are none.

    Parameters
    ----------
    references
        Of the stage, which declares ``optional=("objects",)``.
    outlines
        The exposures that it looks at.

    Raises
    ------
    InputError
        When the objects cannot be placed on one of them.
    """
    reference = references.get("objects")
    if reference is None:
        return None
    if not isinstance(reference.content, ObjectMask):
        raise InputError(f"the objects {reference.path} have not been read; iris_objects.read_objects reads them")
    for outline in outlines:
        reference.content.check(outline)
    return reference.content
