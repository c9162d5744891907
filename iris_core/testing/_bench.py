"""The bench on which one rule of the conformance tests tries a stage."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import numpy as np

from iris_core.errors import IrisError, PluginError, StageSkipped
from iris_core.fitsio import read_fits
from iris_core.instruments import InstrumentMode
from iris_core.loading import load_plugins
from iris_core.model import Exposure
from iris_core.outline import blank_plane
from iris_core.references import Reference, References
from iris_core.steps import Step
from iris_core.testing._make import make_reference
from iris_core.testing._truth import FileTruth, ImageTruth

if TYPE_CHECKING:
    from iris_core.implementations import Implementation
    from iris_core.stages import StageSpec

__all__ = [
    "Bench",
    "Change",
    "Tried",
    "compile_stage",
    "find_implementation",
    "keywords_of",
    "outline_of",
    "write_reference",
]

Change = Callable[[ImageTruth], ImageTruth]


class Tried(Protocol):
    """What a test class says of the stage it tests; see `iris_core.testing.StageConformance`."""

    plugin: Any
    stage: str
    params: Mapping[str, Any]
    needs: Sequence[Any]
    optional: tuple[str, ...]

    def instrument(self) -> InstrumentMode:
        """Return the mode."""

    def truth(self) -> Exposure:
        """Return the noise-free exposure."""

    def reference(self, reftype: str) -> ImageTruth | FileTruth:
        """Return a noise-free reference file."""

    def backgrounds(self) -> Sequence[Exposure]:
        """Return the noise-free background exposures."""


def compile_stage(plugin: Any, stage: str, params: Mapping[str, Any], needs: Sequence[Any] = ()) -> Step:
    """Return the one step that a plugin implements, or its step for `stage`; nothing else is loaded.

    Raises
    ------
    PluginError
        When the plugin cannot be registered, or does not implement the stage.
    """
    spec, implementation = find_implementation(plugin, stage, needs)
    return Step(spec=spec, implementation=implementation, params=implementation.declared.params(**params))


def find_implementation(plugin: Any, stage: str, needs: Sequence[Any]) -> tuple[StageSpec, Implementation]:
    """Return what a plugin implements, without its parameters; see `compile_stage`."""
    plugins = load_plugins(only=())
    for index, one in enumerate(needs):
        plugins.add(f"needed {index}", one)
    name = getattr(plugin, "__name__", "plugin under test")
    plugins.add(name, plugin)
    stages = sorted(plugins.hooks_of(name) & {one for one in plugins.stages() if plugins.implementations(one)})
    wanted = stage or (stages[0] if len(stages) == 1 else "")
    if wanted not in stages:
        raise PluginError(f"{name} implements {', '.join(stages) or 'no stage'}; say which one with 'stage = ...'")
    return plugins.stages()[wanted], plugins.choose(wanted, name)


def outline_of(exposure: Exposure) -> Exposure:
    """Return an exposure without its pixels, as a stage's check is given it."""
    blank = blank_plane(exposure.data.shape)
    return exposure.replace(
        data=blank,
        dq=blank_plane(exposure.data.shape, np.uint32),
        variance=dict.fromkeys(exposure.variance, blank),
        area=None if exposure.area is None else blank_plane(exposure.area.shape),
        planes={name: blank_plane(plane.shape, plane.dtype) for name, plane in exposure.planes.items()},
    )


def keywords_of(exposure: Exposure, reftype: str) -> dict[str, Any]:
    """Return what a reference file has to say to be for an exposure."""
    meta = exposure.meta
    said = {
        "INSTRUME": meta.instrument,
        "DETECTOR": meta.detector,
        "FILTER": meta.filter,
        "READMODE": meta.read_mode,
    }
    return {"REFTYPE": reftype, **{name: value for name, value in said.items() if value}}


def write_reference(path: Path, reftype: str, truth: ImageTruth | FileTruth, exposure: Exposure) -> Reference:
    """Write a reference file for an exposure beside `path`, and return it as a stage is given it."""
    if isinstance(truth, FileTruth):
        file = path.with_suffix(truth.ending)
        truth.write(file)
        return Reference(reftype=reftype, path=file, provider="test", read=_read)
    keywords = {**keywords_of(exposure, reftype), "reftype": reftype}
    keywords.pop("REFTYPE")
    return make_reference(
        path.with_suffix(".fits"), data=truth.data, err=truth.err, dq=truth.dq, unit=truth.unit, **keywords
    )


def _read(path: Path, _reftype: str, pixels: bool) -> Exposure:
    return read_fits(path, pixels)


@dataclass(slots=False)
class Bench:
    """Runs the stage of a test class as it is, without the checks of the runner.

    Parameters
    ----------
    tried
        The test class.
    folder
        Where reference files are written.
    rule
        The rule that is tried, for the words of a failure.
    """

    tried: Tried
    folder: Path
    rule: str
    written: int = field(default=0)

    @cached_property
    def implementation(self) -> Implementation:
        """The implementation that is tried."""
        return find_implementation(self.tried.plugin, self.tried.stage, self.tried.needs)[1]

    @cached_property
    def step(self) -> Step:
        """The step."""
        return compile_stage(self.tried.plugin, self.tried.stage, self.tried.params, self.tried.needs)

    @cached_property
    def mode(self) -> InstrumentMode:
        """The instrument mode."""
        return self.tried.instrument()

    @cached_property
    def truth(self) -> Exposure:
        """The noise-free exposure; NaN and DO_NOT_USE go together in it, as the runner sees to."""
        return self.tried.truth().mask_invalid()

    @cached_property
    def backgrounds(self) -> list[Exposure]:
        """The noise-free background exposures, where the stage consumes any."""
        return [one.mask_invalid() for one in self.tried.backgrounds()] if self.step.spec.consumes_backgrounds else []

    @cached_property
    def reference_types(self) -> tuple[str, ...]:
        """The types of reference files that the stage is given."""
        declared = self.step.implementation.declared
        return (*declared.references, *(one for one in declared.optional if one in self.tried.optional))

    @cached_property
    def images(self) -> dict[str, ImageTruth]:
        """The reference files that are images."""
        made = {reftype: self.tried.reference(reftype) for reftype in self.reference_types}
        return {reftype: one for reftype, one in made.items() if isinstance(one, ImageTruth)}

    def references(self, change: Change | None = None, only: str = "") -> References:
        """Write the reference files and return them; `change` is made to every image, or to that of the type `only`."""
        self.written += 1
        found = {}
        for reftype in self.reference_types:
            truth = self.tried.reference(reftype)
            if change is not None and isinstance(truth, ImageTruth) and only in ("", reftype):
                truth = change(truth)
            found[reftype] = write_reference(self.folder / f"{reftype}_{self.written}", reftype, truth, self.truth)
        return References(found)

    def call(
        self,
        exposure: Exposure,
        references: References | None = None,
        backgrounds: Sequence[Exposure] | None = None,
    ) -> Exposure:
        """Return the result of the stage; by default with noise-free references and background exposures."""
        __tracebackhide__ = True
        given = self.references() if references is None else references
        offered = self.backgrounds if backgrounds is None else backgrounds
        result = self.step.call(exposure, given, offered, self.mode)
        if not isinstance(result, Exposure):
            self.fail(f"it returned {type(result).__name__}, not an Exposure")
        return result

    def run(
        self,
        exposure: Exposure,
        references: References | None = None,
        backgrounds: Sequence[Exposure] | None = None,
    ) -> Exposure:
        """Return the result of the stage as `call` does; that it skips or refuses the exposure is a failure."""
        __tracebackhide__ = True
        try:
            return self.call(exposure, references, backgrounds)
        except StageSkipped as skipped:
            self.fail(f"it skipped the exposure ({skipped}); override truth() with one on which it acts")
        except IrisError as error:
            words = f"it raised {type(error).__name__} ({error}) on the exposure of the kit"
            self.fail(f"{words}; override truth() or reference() with what it can calibrate")

    def check(self, exposure: Exposure, references: References, backgrounds: Sequence[Exposure] = ()) -> Exposure:
        """Return what the stage's own check makes of the outline of an exposure."""
        return self.step.check(outline_of(exposure), references, [outline_of(one) for one in backgrounds], self.mode)

    def fail(self, words: str) -> NoReturn:
        """Fail the rule, with the numbers."""
        import pytest

        who = f"{self.implementation.declared.stage} of {self.implementation}"
        pytest.fail(f"rule '{self.rule}': {who}: {words}", pytrace=False)

    def skip(self, words: str) -> NoReturn:
        """Say why the rule does not apply."""
        import pytest

        pytest.skip(f"rule '{self.rule}': {words}")

    def expect(self, error: type[Exception], act: Callable[[], object], what: str) -> None:
        """Fail unless `act` raises `error`."""
        __tracebackhide__ = True
        try:
            act()
        except error:
            return
        except StageSkipped as skipped:
            self.fail(f"{what} made it skip ({skipped}); it has to raise {error.__name__}")
        except Exception as other:
            self.fail(f"{what} raised {type(other).__name__} ({other}); {error.__name__} is the right error")
        self.fail(f"{what} raised nothing; {error.__name__} is the right error")
