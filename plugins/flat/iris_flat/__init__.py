"""The flat_field stage: divides by the response of the pixels."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from iris_core import (
    Exposure,
    InputError,
    Params,
    ReferenceImage,
    References,
    ReferenceType,
    Removal,
    by_rows,
    hookimpl,
    parameter,
    refuse_faults,
    stage,
    unit_faults,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from iris_core import Image

__all__ = ["FlatParams", "apply_flat", "check_flat", "reference_types"]


FLAT = ReferenceType(name="flat", stated=("INSTRUME", "DETECTOR", "FILTER"), quantity="ratio")


@hookimpl
def reference_types() -> Sequence[ReferenceType]:
    """Return the type ``flat``: a ratio near 1, chosen by detector, filter, pupil and read mode."""
    return [FLAT]


class FlatParams(Params):
    """Parameters of flat_field."""

    inverse: bool = parameter(False, "Multiply the flat back in instead of dividing by it.")


def check_flat(exposure: Exposure, params: FlatParams, references: References) -> None:
    """Refuse a flat that has a unit or does not cover the exposure, and an exposure whose smooth sky is gone."""
    _check_sky(exposure, params)
    flat = references["flat"]
    refuse_faults(f"the flat {flat.path.name} for {exposure.name}", unit_faults(flat.image(exposure), FLAT))


def _check_sky(exposure: Exposure, params: FlatParams) -> None:
    """Refuse an exposure that a smooth sky was subtracted from: sky x (flat - 1) is still in it."""
    if not params.inverse and exposure.sci_header.get("BKGMETH") == "from_science" and not exposure.removed.get("flat"):
        raise InputError(
            f"{exposure.name}: background with method from_science was before flat_field: the smooth sky it subtracts "
            f"lacks the pattern of the flat, which stays in the image; put flat_field before background, as in the "
            f"recipe image2-dark-first"
        )


def _removes(params: FlatParams) -> Mapping[str, Removal]:
    return {"flat": Removal.NO if params.inverse else Removal.WHOLE}


@stage("flat_field", params=FlatParams, references=("flat",), check=check_flat, by_integration=True, removes=_removes)
def apply_flat(exposure: Exposure, params: FlatParams, references: References) -> Exposure:
    """Divide by the flat; scale the variance, add that of the flat as component ``flat``, and its DQ.

    Parameters
    ----------
    exposure
        In any unit.
    params
        With `inverse` the flat is multiplied back in; see the README for what becomes of its variance.
    references
        With ``flat``, without unit.

    Returns
    -------
    Exposure
        In the same unit, with FLATKEPT. NaN with NO_FLAT_FIELD and DO_NOT_USE where the flat is bad, UNRELIABLE_FLAT
        where only its error is not finite.
    """
    flat = references["flat"].image(exposure)
    applied = by_rows(partial(_apply, _multiply_back if params.inverse else _divide), exposure, flat)
    return _state_kept(_note_missing_error(applied, flat), params.inverse)


def _apply(work: Callable[[Exposure, Image, Image], Exposure], exposure: Exposure, flat: ReferenceImage) -> Exposure:
    from iris_flat._flat import flags_of, response

    factor = response(flat.data, flat.dq)
    applied = work(exposure, factor, flat.err)
    return applied.replace(dq=applied.dq | flags_of(factor, flat.err, flat.dq)).mask_invalid()


def _divide(exposure: Exposure, flat: Image, err: Image) -> Exposure:
    from iris_flat._flat import error_of_quotient

    divided = exposure.scale(1 / flat)
    return divided.add_variance("flat", error_of_quotient(divided.data, flat, err), common=True)


def _multiply_back(exposure: Exposure, flat: Image, err: Image) -> Exposure:
    """Undo the division; or, where there was none, put a response into data that have not seen one."""
    from iris_flat._flat import error_of_product

    if "flat" in exposure.variance:
        # The data were without the error of the flat before they were divided by it.
        kept = {name: plane for name, plane in exposure.variance.items() if name != "flat"}
        return exposure.replace(variance=kept).scale(flat)
    if "flat_field" in exposure.done:
        exposure = exposure.note("no variance component 'flat': the error of the flat stays in that of the data")
        return exposure.scale(flat)
    return exposure.scale(flat).add_variance("flat", error_of_product(exposure.data, err), common=True)


def _state_kept(exposure: Exposure, inverse: bool) -> Exposure:
    """Say what is the same in all pixels of a uniform sky: the brightness, not the counts, which grow with the area."""
    if not inverse:
        return exposure.with_keywords({"FLATKEPT": ("SURFACE BRIGHTNESS", "a flux needs the area of its pixels")})
    header = exposure.sci_header.copy()
    header.remove("FLATKEPT", ignore_missing=True)
    return exposure.replace(sci_header=header)


def _note_missing_error(exposure: Exposure, flat: ReferenceImage) -> Exposure:
    if not flat.has_errors and exposure.variance:
        return exposure.note(f"the flat {flat.meta.filename} has no errors; taken to be zero")
    return exposure
