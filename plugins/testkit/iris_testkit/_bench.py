"""The bench on which one rule tries a stage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from iris_core import (
    Exposure,
    Implementation,
    InstrumentMode,
    IrisError,
    Reference,
    References,
    StageInputs,
    StageSkipped,
    Step,
    check_step,
    outline_of,
    selectors,
)
from iris_testkit._alone import call_step, compile_step, find_stage, prepare
from iris_testkit._make import make_reference
from iris_testkit._rules import Trial
from iris_testkit._truth import FileTruth, ImageTruth

__all__ = ["Bench", "Change"]

Change = Callable[[ImageTruth], ImageTruth]
Stack = Sequence[Exposure]


class Bench(Trial):
    """Runs the stage of a test class with its own check and without the runner's: these are the rules."""

    written = 0

    @cached_property
    def step(self) -> Step:
        """The step."""
        return compile_step(self.plugins, self.name, self.tried.stage, self.tried.params)

    @cached_property
    def implementation(self) -> Implementation:
        """The implementation that is tried."""
        return find_stage(self.plugins, self.name, self.tried.stage)[1]

    @property
    def subject(self) -> str:
        """The stage, and the plugin."""
        return f"{self.implementation.declared.stage} of {self.implementation}"

    @cached_property
    def mode(self) -> InstrumentMode:
        """The instrument mode."""
        mode: InstrumentMode = self.tried.instrument()
        return mode

    @cached_property
    def truth(self) -> Exposure:
        """The noise-free exposure, as the runner gives it to a first stage."""
        return prepare(self.tried.truth(), self.mode, self.plugins)

    @cached_property
    def backgrounds(self) -> list[Exposure]:
        """The noise-free background exposures, where the stage consumes any."""
        offered = self.tried.backgrounds() if self.step.spec.consumes_backgrounds else ()
        return [prepare(one, self.mode, self.plugins) for one in offered]

    @cached_property
    def files(self) -> dict[str, ImageTruth | FileTruth]:
        """The reference files that the stage is given."""
        declared = self.implementation.declared
        types = (*declared.references, *(one for one in declared.optional if one in self.tried.optional))
        return {reftype: self.tried.reference(reftype) for reftype in types}

    @property
    def images(self) -> dict[str, ImageTruth]:
        """Those that are images."""
        return {reftype: one for reftype, one in self.files.items() if isinstance(one, ImageTruth)}

    def references(self, change: Change | None = None, only: str = "") -> References:
        """Write reference files and return them; `change` is made to every image, or to that of the type `only`."""
        self.written += 1
        found = {}
        for reftype, truth in self.files.items():
            if change is not None and isinstance(truth, ImageTruth) and only in ("", reftype):
                truth = change(truth)
            found[reftype] = self._write(self.folder / f"{reftype}_{self.written}", reftype, truth)
        return References(found)

    def _write(self, path: Path, reftype: str, truth: ImageTruth | FileTruth) -> Reference:
        if isinstance(truth, ImageTruth):
            keywords: dict[str, Any] = {name: value for name, value in selectors(self.truth.meta).items() if value}
            keywords |= {"err": truth.err, "dq": truth.dq, "unit": truth.unit}
            return make_reference(path.with_suffix(".fits"), reftype, truth.data, **keywords)
        path = path.with_suffix(truth.ending)
        truth.write(path)
        return Reference(
            reftype=reftype, path=path, provider="test", content=self.plugins.read_reference(path, reftype)
        )

    def inputs(self, exposure: Exposure, references: References, backgrounds: Stack) -> StageInputs:
        """Return what the stage is given."""
        return StageInputs(
            exposure=exposure, references=references, background_exposures=tuple(backgrounds), instrument=self.mode
        )

    def call(
        self, exposure: Exposure, references: References | None = None, backgrounds: Stack | None = None
    ) -> Exposure:
        """Return the result of the stage; by default with noise-free references and background exposures."""
        __tracebackhide__ = True
        given = self.references() if references is None else references
        offered = self.backgrounds if backgrounds is None else backgrounds
        result = call_step(self.step, self.inputs(exposure, given, offered))
        if not isinstance(result, Exposure):
            self.fail(f"it returned {type(result).__name__}, not an Exposure")
        return result

    def run(
        self,
        exposure: Exposure,
        references: References | None = None,
        backgrounds: Stack | None = None,
        what: str = "on the exposure of the kit",
    ) -> Exposure:
        """Return the result of the stage as `call` does; that it skips or refuses the exposure is a failure."""
        __tracebackhide__ = True
        try:
            return self.call(exposure, references, backgrounds)
        except StageSkipped as skipped:
            self.fail(f"it skipped the exposure ({skipped}); override truth() with one on which it acts")
        except IrisError as error:
            words = f"it raised {type(error).__name__} ({error}) {what}"
            self.fail(f"{words}; override truth() or reference() with what it can calibrate")

    def check(self, exposure: Exposure, references: References, backgrounds: Stack = ()) -> Exposure:
        """Return what the stage's check before the run makes of the outline of an exposure."""
        outlines = {
            reftype: one.with_content(outline_of(one.content)) if isinstance(one.content, Exposure) else one
            for reftype, one in references.items()
        }
        given = self.inputs(outline_of(exposure), References(outlines), [outline_of(one) for one in backgrounds])
        return check_step(self.step, given, outline_only=True)
