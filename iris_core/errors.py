"""What can go wrong, by who has to mend it.

A message says what is wrong, where, what would be right, and what exists.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = [
    "InputError",
    "IrisError",
    "ModeNotFound",
    "PluginError",
    "Problems",
    "RecipeError",
    "ReferenceNotFound",
    "StageContractError",
    "StageSkipped",
    "choices",
    "did_you_mean",
    "one_line",
]


class IrisError(Exception):
    """Base of every error this package raises on purpose."""


class RecipeError(IrisError):
    """The recipe, or a change made to it on the command line, is wrong."""


class PluginError(IrisError):
    """A plugin is missing, broken, or cannot be chosen without doubt."""


class ReferenceNotFound(IrisError):  # noqa: N818 - the name says it all
    """No reference file, or no single best one, for an exposure."""


class ModeNotFound(IrisError):  # noqa: N818 - the name says it all
    """No installed instrument mode matches the exposure."""


class InputError(IrisError):
    """An input file or array is not what it has to be."""


class StageContractError(IrisError):
    """A stage returned something that breaks the contract of its hook."""


class Problems(IrisError):  # noqa: N818 - a collection of errors
    """Several mistakes, found together before the first pixel was read.

    Parameters
    ----------
    problems
        The single errors, in the order in which a reader meets them.
    """

    def __init__(self, problems: Iterable[IrisError]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[type[Problems], tuple[tuple[IrisError, ...]]]:
        return type(self), (self.problems,)


class StageSkipped(Exception):  # noqa: N818 - not an error: a stage's documented way to say "not needed here"
    """Raised by a stage that, by its documented rule, has nothing to do; the message is the reason."""


def choices(names: Iterable[object]) -> str:
    """Return `names` sorted and joined for an error message, or ``none``."""
    return ", ".join(sorted(str(name) for name in names)) or "none"


def one_line(error: BaseException) -> str:
    """Return type and words of an exception that is not ours, on one line."""
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


def did_you_mean(name: object, known: Iterable[object]) -> str:
    """Return ``; did you mean 'x'?`` with the nearest of `known`, or a full stop."""
    nearest = get_close_matches(str(name), [str(item) for item in known], n=1, cutoff=0.5)
    return f"; did you mean '{nearest[0]}'?" if nearest else "."
