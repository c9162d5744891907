"""The kinds of packages: the layers of templates that each is made of, and the values for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from iris_core import DQ, InputError
from iris_new_plugin._names import check_stage_name, class_prefix, module_of, no_such_stage, status_keyword
from iris_new_plugin._stages import Declared, Installed, Package

__all__ = ["IMAGE2", "Blueprint", "mode", "new_stage", "references", "stage"]

_CORE, _NUMPY, _ASTROPY, _GWCS = "iris-nir>=0.2,<0.3", "numpy>=2.0", "astropy>=7.0", "gwcs>=0.24"
_UNTYPED = {_ASTROPY: "astropy", _GWCS: "gwcs"}


@dataclass(frozen=True, slots=True)
class _Start:
    """The templates of one stage: the name of its arithmetic, and what it needs besides numpy."""

    noun: str
    needs: tuple[str, ...] = ()


# In the order of the recipe image2.
IMAGE2 = {
    "background": _Start("mean"),
    "parse_subarray_map": _Start("windows"),
    "assign_wcs": _Start("tan", (_ASTROPY, _GWCS)),
    "dark_current": _Start("dark"),
    "flat_field": _Start("flat", (_ASTROPY,)),
    "photom": _Start("factor", (_ASTROPY,)),
    "resample": _Start("bilinear", (_ASTROPY, _GWCS)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Blueprint:
    """What a package is made of.

    Parameters
    ----------
    layers
        Folders of templates, each put over those before it.
    values
        What the templates are given.
    """

    layers: tuple[str, ...]
    values: Mapping[str, Any]

    def signed(self, author: str, email: str, description: str) -> Blueprint:
        """Return the same with the author, and with the author's description."""
        own = {"author": author, "email": email, "year": datetime.now(tz=UTC).year}
        words = {"description": description} if description else {}
        return Blueprint(layers=self.layers, values={**self.values, **own, **words})


def _values(kind: str, name: str, needs: tuple[str, ...], **more: Any) -> dict[str, Any]:
    return {
        "kind": kind,
        "name": name,
        "module": module_of(name),
        "prefix": class_prefix(name),
        "dependencies": [_CORE, *needs],
        "untyped": [_UNTYPED[one] for one in needs if one in _UNTYPED],
        "hookspecs": False,
        "declared_in": "",
        "declared_by": "",
        **more,
    }


def stage(name: str, of: str, installed: Installed) -> Blueprint:
    """Return what another implementation of a stage is made of.

    Raises
    ------
    InputError
        When no installed package declares the stage, or it is one of many exposures.
    """
    if of not in installed.stages:
        raise no_such_stage(of, installed.stages, installed.broken)
    declared = installed.stages[of]
    if declared.spec.group:
        raise InputError(
            f"'{of}' is a stage of many exposures, and there are no templates for another implementation of one; "
            f"start from what iris new-plugin new-stage {name} --stage NAME --group makes"
        )
    start = of if of in IMAGE2 else "background" if declared.spec.consumes_backgrounds else "generic"
    noun, needs = (IMAGE2[start].noun, IMAGE2[start].needs) if start in IMAGE2 else ("limit", ())
    values = _values(
        "stage",
        name,
        (_NUMPY, *needs),
        description=f"An implementation of the stage {of} for iris",
        stage=of,
        noun=noun,
        of_image2=of in IMAGE2,
        others=[one for one in IMAGE2 if one != of] if of in IMAGE2 else [],
        unit=declared.spec.unit,
        dark="dark" in declared.spec.may_remove,
        documentation=declared.documentation,
    )
    more = {**_bits(declared), **_needed(declared.by, values)}
    return Blueprint(layers=("common", "stage", f"stages/{start}"), values={**values, **more})


def _bits(declared: Declared) -> dict[str, Any]:
    """Return the bit that a defect gets: one of the stage's own, or one that the implementation declares."""
    own = [bit.name for bit in declared.spec.dq if bit is not DQ.DO_NOT_USE]
    return {"dq": own[0] if own else DQ.OTHER_BAD_PIXEL.name, "own_bits": not own}


def _needed(by: Package | None, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an implementation needs of the package that declares its stage; nothing where that is the core."""
    if by is None:
        return {}
    minimum = ".".join(by.version.split(".")[:2])
    return {
        "declared_in": by.module,
        "declared_by": by.plugin,
        "dependencies": [*values["dependencies"], f"{by.distribution}>={minimum}"],
        "untyped": [*values["untyped"], by.module.partition(".")[0]],
    }


def new_stage(name: str, called: str, installed: Installed, *, group: bool = False) -> Blueprint:
    """Return what a new stage is made of: of one exposure, or of many where it is a `group` stage.

    Raises
    ------
    InputError
        When it cannot have this name, or exists already.
    """
    if called in installed.stages:
        by = installed.stages[called].by
        raise InputError(
            f"the stage '{called}' exists already and comes with {by.distribution if by else 'iris-nir'}; "
            f"for another implementation of it: iris new-plugin stage {name} --stage {called}"
        )
    check_stage_name(called, installed.hooks)
    values = _values(
        "new-stage --group" if group else "new-stage",
        name,
        (_NUMPY,),
        description=f"The stage {called} for iris",
        stage=called,
        # S_REGION is the footprint of an image.
        status=status_keyword(called, {*installed.keywords, "S_REGION"}),
        others=list(IMAGE2),
    )
    return Blueprint(layers=("common", "new-group" if group else "new-stage"), values={**values, "hookspecs": True})


def mode(name: str, reader: bool, installed: Installed) -> Blueprint:
    """Return what a new instrument mode is made of.

    Raises
    ------
    InputError
        When a mode of this name, or of an instrument of this name, is installed.
    """
    instrument = class_prefix(name).upper()
    for one in installed.modes:
        if one.name == name or one.instrument.upper() == instrument:
            raise InputError(
                f"an instrument mode '{one.name}' of the instrument {one.instrument} is installed; choose another "
                f"name: two modes of the same instrument and detectors cannot be told apart by a header"
            )
    values = _values(
        "mode",
        name,
        (_NUMPY, _ASTROPY),
        description=f"The instrument mode {name} for iris",
        instrument=instrument,
        reader=reader,
        rate_unit="DN/s" if reader else "electron/s",
    )
    return Blueprint(layers=("common", "mode", *(["mode-reader"] if reader else [])), values=values)


def references(name: str) -> Blueprint:
    """Return what a provider of reference files is made of."""
    values = _values(
        "references",
        name,
        (_NUMPY,),
        description=f"Reference files of {name} for iris",
        variable=module_of(name).upper(),
    )
    return Blueprint(layers=("common", "references"), values=values)
