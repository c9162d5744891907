"""Which names a package, a module, a stage and a status keyword may have."""

from __future__ import annotations

import builtins
import keyword
import re
import sys
from collections.abc import Collection, Iterable, Mapping
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec

import yaml

from iris_core import InputError, choices, did_you_mean

__all__ = ["check_name", "check_stage_name", "class_prefix", "module_of", "no_such_stage", "status_keyword"]

_LONGEST = 40
_NAME = re.compile(r"[A-Za-z]([A-Za-z0-9_-]*[A-Za-z0-9])?")
_STAGE = re.compile(r"[a-z][a-z0-9_]*")
# A folder of the package, and the library of another project.
_RESERVED = {"tests": "that is the folder of the tests", "iris": "that is the module of another library"}
# The generated modules use these names for something else.
_IN_USE = ("stage", "stage_spec", "parameter", "exposure", "params", "references", "background_exposures", "instrument")


def module_of(name: str) -> str:
    """Return the name of the module of a distribution: ``my-dark`` becomes ``my_dark``."""
    return name.replace("-", "_").lower()


def class_prefix(name: str) -> str:
    """Return the beginning of the names of a distribution's classes: ``my-dark`` becomes ``MyDark``."""
    return "".join(part[:1].upper() + part[1:] for part in re.split("[-_]+", name))


def check_name(name: str, plugins: Collection[str]) -> None:
    """Refuse a name that a distribution or its module cannot have.

    Parameters
    ----------
    name
        The name.
    plugins
        The names of the plugins that are installed.

    Raises
    ------
    InputError
        When it is no name, or hides something that is installed.
    """
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        raise InputError(
            f"'{name}' is not a name for a package; a name consists of letters, digits, '-' and '_', begins with a "
            f"letter, ends with a letter or a digit, and has at most {_LONGEST} characters: my-dark"
        )
    reason = _why_not(name, module_of(name), plugins)
    if reason:
        raise InputError(f"the package cannot be called '{name}': {reason}; my-{name} would do")


def _why_not(name: str, module: str, plugins: Collection[str]) -> str:
    if module in _RESERVED:
        return f"its module would be '{module}', and {_RESERVED[module]}"
    if keyword.iskeyword(module) or not _is_text(name):
        return f"'{module}' means something in Python or in YAML"
    if module in sys.stdlib_module_names or _is_module(module):
        return f"a module '{module}' exists already, and one of them would hide the other"
    if name in plugins:
        return "a plugin of this name is installed"
    try:
        return f"a distribution of this name is installed, {distribution(name).version}"
    except PackageNotFoundError:
        return ""


def _is_module(name: str) -> bool:
    """Whether there is a module of a name; a folder without a module in it hides nothing."""
    spec = find_spec(name)
    return spec is not None and spec.origin is not None


def _is_text(name: str) -> bool:
    """Whether YAML reads a name as text: it takes ``on`` for true."""
    return isinstance(yaml.safe_load(name), str)


def check_stage_name(stage: str, hooks: Iterable[str]) -> None:
    """Refuse a name that a new stage cannot have.

    Raises
    ------
    InputError
        When it is not the name of a function, or is taken.
    """
    if not _STAGE.fullmatch(stage) or len(stage) > _LONGEST or keyword.iskeyword(stage) or not _is_text(stage):
        raise InputError(
            f"'{stage}' is not a name for a stage; a stage has the name of a function, in lower-case letters, "
            f"digits and '_', of at most {_LONGEST} characters: destripe"
        )
    if stage in _IN_USE or hasattr(builtins, stage):
        raise InputError(f"a stage cannot be called '{stage}': the name means something else in Python or in iris_core")
    if stage in hooks:
        raise InputError(f"a stage cannot be called '{stage}': iris_core has another hook of this name")


def no_such_stage(stage: str, stages: Collection[str], broken: Mapping[str, str]) -> InputError:
    """Return the error for a stage that no installed package declares."""
    reasons = "; ".join(f"{name}: {reason}" for name, reason in broken.items())
    lost = f"; broken plugins, which may declare more: {reasons}" if broken else ""
    return InputError(
        f"no stage '{stage}'{did_you_mean(stage, stages)} Stages: {choices(stages)}{lost}. "
        f"For a new stage: iris new-plugin new-stage NAME --stage {stage}"
    )


def status_keyword(stage: str, taken: Collection[str]) -> str:
    """Return a status keyword that no other stage has: ``S_`` and six letters of its name."""
    letters = stage.replace("_", "").upper()
    candidates = [letters[:6], *(f"{letters[:5]}{digit}" for digit in range(2, 10))]
    free = [f"S_{one}" for one in candidates if f"S_{one}" not in taken]
    if not free:
        raise InputError(f"the status keywords S_{candidates[0]} to S_{candidates[-1]} are taken; choose another name")
    return free[0]
