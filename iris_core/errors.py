"""The errors of the framework, by what has to be corrected.

A message says what is wrong, where, what would be right, and what exists.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches


class IrisError(Exception):
    """Base of every error this package raises on purpose."""


class RecipeError(IrisError):
    """The recipe, or a change made to it on the command line, is wrong."""


class PluginError(IrisError):
    """A plugin is missing, broken, or cannot be chosen unambiguously."""


class ReferenceNotFound(IrisError):  # noqa: N818 - the name says it all
    """No reference file, or no single best one, for an exposure."""


class ModeNotFound(IrisError):  # noqa: N818 - the name says it all
    """No installed instrument mode matches the exposure."""


class InputError(IrisError):
    """Invalid input file or array."""


class StageContractError(IrisError):
    """A stage returned something that breaks the contract of its hook."""


class Problems(IrisError):  # noqa: N818 - a collection of errors
    """Several errors, found together before the first pixel is read.

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


class StageSkipped(Exception):  # noqa: N818 - not an error: a stage has nothing to do
    """Raised by a stage that, by a documented rule, has nothing to do; the message is the reason."""

    def __str__(self) -> str:
        return super().__str__() or "nothing to do"  # an empty reason would count as none, and the stage as done


@contextmanager
def collect(problems: list[IrisError], what: str) -> Iterator[None]:
    """Add the error that a block raises to `problems`; one that is not ours is the failure of a plugin at `what`."""
    try:
        yield
    except Problems as error:
        problems += error.problems
    except IrisError as error:
        problems.append(error)
    except StageSkipped:
        raise
    except Exception as error:
        problems.append(PluginError(f"{what}: {one_line(error)}"))


def choices(names: Iterable[object]) -> str:
    """Return `names` sorted and joined for an error message, or ``none``."""
    return ", ".join(sorted(str(name) for name in names)) or "none"


def some_of(names: Sequence[str]) -> str:
    """Return names joined for a message: of more than three the first, the last and how many they are."""
    return ", ".join(names) if len(names) < 4 else f"{names[0]} ... {names[-1]} ({len(names)} exposures)"


def one_line(error: BaseException) -> str:
    """Return type and message of an exception that is not ours, on one line."""
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


def did_you_mean(name: object, known: Iterable[object]) -> str:
    """Return ``; did you mean 'x'?`` with the nearest of `known`, or a full stop."""
    nearest = get_close_matches(str(name), [str(item) for item in known], n=1, cutoff=0.5)
    return f"; did you mean '{nearest[0]}'?" if nearest else "."
