"""The stages' own checks, in the order of the steps, before any pixel is read."""

from __future__ import annotations

from collections.abc import Sequence

from iris_core.errors import InputError, IrisError, PluginError, StageSkipped, one_line
from iris_core.instruments import InstrumentMode
from iris_core.keywords import header_text
from iris_core.model import Exposure
from iris_core.references import References
from iris_core.steps import Step

__all__ = ["Checks", "keywords_done", "refuse_second", "status_card"]


class Checks:
    """Runs the checks on outlines that pretend that the steps before were done.

    Parameters
    ----------
    steps, mode
        The recipe's steps for an instrument mode.

    Attributes
    ----------
    problems
        What would fail.
    skips
        Why a stage will say that it has nothing to do, by step index.
    """

    def __init__(self, steps: Sequence[Step], mode: InstrumentMode) -> None:
        self.steps, self.mode = steps, mode
        self.problems: list[IrisError] = []
        self.skips: dict[int, str] = {}

    def run(
        self,
        outline: Exposure,
        references: Sequence[References],
        backgrounds: Sequence[Exposure],
        theirs: Sequence[Sequence[References]],
    ) -> None:
        """Check every step that the recipe does not leave out, on the exposure and on its background exposures."""
        for index, step in enumerate(self.steps):
            if step.skip:
                continue
            if step.spec.consumes_backgrounds:
                offered, backgrounds = tuple(backgrounds), ()
            else:
                offered = ()
                followed = zip(backgrounds, theirs, strict=False)
                backgrounds = [self._check(index, one, files[index], ()) for one, files in followed]
            outline = self._check(index, outline, references[index], offered)

    def _check(
        self, index: int, outline: Exposure, references: References, backgrounds: Sequence[Exposure]
    ) -> Exposure:
        step, known = self.steps[index], len(self.problems)
        try:
            refuse_second(step, outline)
            if set(step.implementation.declared.references) <= set(references):  # what is missing is reported already
                outline = step.check(outline, references, backgrounds, self.mode)
        except StageSkipped as skipped:
            self.skips[index] = str(skipped)
            return outline
        except IrisError as error:
            self.problems.append(error)
        except Exception as error:
            words = f"the check of {step.stage} by {step.implementation} failed for {outline.name}"
            self.problems.append(PluginError(f"{words}: {one_line(error)}"))
        if self.problems[known:] and step.spec.consumes_backgrounds:
            return outline  # what became of the dark is not known, and no further mistake
        header = outline.header.copy()
        keyword, card = status_card(step, "COMPLETE")
        header[keyword] = card
        return outline.replace(header=header)


def status_card(step: Step, status: str, reason: str = "") -> tuple[str, tuple[str, str]]:
    """Return the ``S_*`` card of a step; the comment holds as much of the reason as a card can."""
    return step.spec.status, (status, header_text(reason or step.stage)[:46])


def keywords_done(step: Step, exposure: Exposure) -> list[str]:
    """Return the keywords that say that an exposure has been through the stage of a step, ours or another's."""
    keywords = (step.spec.status, *step.spec.aliases)
    return [keyword for keyword in keywords if exposure.status.get(keyword) == "COMPLETE"]


def refuse_second(step: Step, exposure: Exposure) -> None:
    """Raise `InputError` when an exposure has been through the stage before."""
    done = keywords_done(step, exposure)
    if done and not step.again:
        raise InputError(
            f"{exposure.name}: {step.stage} was done already ({done[0]} is COMPLETE); "
            f"leave the step out with --skip {step.stage}=REASON, or say 'again: true' in the recipe"
        )
