"""Which reference file each step of a recipe gets for an exposure, and why each other candidate was rejected."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iris_core import Candidate, Choice, Exposure, InstrumentMode, Run, match_mode, prepare_exposure

__all__ = ["Explanation", "explain_references"]


@dataclass(frozen=True, slots=True)
class Explanation:
    """The choice of one reference file, and every candidate that was rejected."""

    choice: Choice
    rejected: tuple[Candidate, ...] = ()

    @property
    def chosen(self) -> str:
        """The file, ``""`` where there is none."""
        return "" if self.choice.chosen is None else str(self.choice.chosen.path)

    @property
    def outcome(self) -> str:
        """One phrase: the provider that chose the file, or what is missing."""
        if self.choice.problem is not None and self.choice.rejected:
            return f"none; {self.choice.need.stage} needs one"
        return self.choice.outcome

    @property
    def is_missing(self) -> bool:
        """Whether there is no file although the stage needs one, or none could be chosen."""
        return self.choice.problem is not None

    def plain(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "stage": self.choice.need.stage,
            "type": self.choice.need.reftype,
            "chosen": self.chosen,
            "outcome": self.outcome,
            "rejected": {str(one.path): one.reason for one in self.rejected},
        }


def explain_references(run: Run, path: str | Path) -> list[Explanation]:
    """Return the choices for one exposure, in the order of the steps.

    Parameters
    ----------
    run
        A recipe with its plugins and reference files, from `iris_core.start_run`.
    path
        The exposure; its header is read.

    Raises
    ------
    IrisError
        When it cannot be read, or no instrument mode matches.
    """
    outline = run.plugins.read_exposure(Path(path), pixels=False)
    mode = match_mode(outline, run.plugins.modes(), run.recipe.instrument, run.recipe.forced)
    prepared = prepare_exposure(outline, mode, run.plugins.stages().values())
    return list(_explain(run, prepared, mode))


def _explain(run: Run, outline: Exposure, mode: InstrumentMode) -> Iterator[Explanation]:
    for need in (need for step in run.compile(mode) if not step.skip for need in step.needs):
        choice = run.references.choose(need, outline, mode)
        rejected = choice.rejected
        if not rejected:
            chosen = None if choice.chosen is None else choice.chosen.path
            others = run.plugins.explain_reference(need.reftype, outline, mode)
            rejected = tuple(one for one in others if one.path != chosen)
        yield Explanation(choice, rejected)
