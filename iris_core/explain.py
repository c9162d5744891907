"""Which reference file each step of a recipe gets for an exposure, and on what every other candidate lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iris_core.errors import IrisError, one_line
from iris_core.instruments import InstrumentMode, match_mode
from iris_core.model import Exposure
from iris_core.plugins import Plugins
from iris_core.references import Candidate, Reference
from iris_core.session import Session
from iris_core.steps import Step

__all__ = ["Choice", "explain_file", "explain_references"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The choice of one reference file.

    Parameters
    ----------
    stage, reftype
        Who needs what.
    needed
        Whether the stage cannot do without.
    chosen
        The file; None where there is none.
    problem
        Why nothing could be chosen although somebody tried.
    lost
        Every other candidate, with the reason.
    """

    stage: str
    reftype: str
    needed: bool
    chosen: Reference | None
    problem: str = ""
    lost: tuple[Candidate, ...] = ()

    @property
    def outcome(self) -> str:
        """Who chose it, or what is missing."""
        if self.chosen is not None:
            return f"chosen ({self.chosen.provider})"
        return self.problem or ("needed, and there is none" if self.needed else "none; the stage does without")

    def plain(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "stage": self.stage,
            "type": self.reftype,
            "chosen": "" if self.chosen is None else str(self.chosen.path),
            "outcome": self.outcome,
            "lost": {str(one.path): one.reason for one in self.lost},
        }


def explain_references(
    outline: Exposure, mode: InstrumentMode, steps: Sequence[Step], plugins: Plugins
) -> Iterator[Choice]:
    """Yield the choice for each reference type of each step, in their order."""
    for step in steps:
        declared = step.implementation.declared
        for reftype in () if step.skip else (*declared.references, *declared.optional):
            chosen, problem = _choose(reftype, outline, mode, plugins)
            lost = tuple(
                one
                for one in plugins.explain_reference(reftype, outline, mode)
                if chosen is None or one.path != chosen.path
            )
            yield Choice(
                stage=step.stage,
                reftype=reftype,
                needed=reftype in declared.references,
                chosen=chosen,
                problem=problem,
                lost=lost,
            )


def _choose(reftype: str, outline: Exposure, mode: InstrumentMode, plugins: Plugins) -> tuple[Reference | None, str]:
    try:
        return plugins.find_reference(reftype, outline, mode), ""
    except IrisError as error:
        return None, str(error)
    except Exception as error:
        return None, f"a provider failed: {one_line(error)}"


def explain_file(session: Session, path: Path) -> list[Choice]:
    """Return the choices for one exposure.

    Raises
    ------
    IrisError
        When it cannot be read, or no mode matches.
    """
    outline = session.plugins.read_exposure(path, pixels=False)
    mode = match_mode(outline, session.plugins.modes().values(), session.recipe.instrument)
    return list(explain_references(outline, mode, session.compile(mode), session.plugins))
