"""What every provider of reference files must do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from iris_core import (
    Candidate,
    Exposure,
    InstrumentMode,
    PluginError,
    Reference,
    ReferenceNotFound,
    outline_of,
    sha256_of,
)
from iris_testkit._child import ask_here, carry, spawn
from iris_testkit._make import iris_mode, make_exposure
from iris_testkit._rules import Conformance, Trial, rule

__all__ = ["ProviderConformance"]

_NO_TYPE = "no_such_type"


class _ProviderTrial(Trial):
    """Asks for reference files."""

    def find(self, exposure: Exposure | None = None, reftype: str = "") -> Any:
        return self.ask("find_reference", **self.question(exposure, reftype))

    def explain(self, exposure: Exposure | None = None) -> Any:
        return self.ask("explain_reference", **self.question(exposure))

    def question(self, exposure: Exposure | None = None, reftype: str = "") -> dict[str, Any]:
        """Return the arguments of a hook: an outline, as the framework asks."""
        asked = outline_of(exposure or self.tried.exposure())
        return {"reftype": reftype or self.tried.reftype, "exposure": asked, "instrument": self.tried.instrument()}

    def found(self) -> Reference:
        """Return the reference file for the exposure of the test class."""
        __tracebackhide__ = True
        reference = self.find()
        if not isinstance(reference, Reference):
            name = type(reference).__name__
            self.fail(f"it returned {name} for the {self.tried.reftype} of the exposure, not a Reference")
        return reference


class ProviderConformance(Conformance):
    """Tests that a provider, the hooks ``find_reference`` and ``explain_reference``, keeps every rule.

    Derive a test class; where the provider is an object, ``plugin`` is that object.

    Attributes
    ----------
    plugin
        The module, or the object, that implements the hooks.
    reftype
        A type of which it has a file for `exposure`.
    mode
        Instrument mode of the exposure; None for the IRIS imager.
    needs, exempt
        As in `StageConformance`.

    Examples
    --------
    >>> import my_archive  # doctest: +SKIP
    >>> class TestMyArchive(ProviderConformance):  # doctest: +SKIP
    ...     plugin = my_archive
    ...     reftype = "dark"
    """

    trial = _ProviderTrial
    reftype: ClassVar[str] = "dark"
    mode: ClassVar[InstrumentMode | None] = None

    def instrument(self) -> InstrumentMode:
        """Return the instrument mode."""
        return type(self).mode or iris_mode()

    def exposure(self) -> Exposure:
        """Return an exposure for which the provider has a file of type `reftype`."""
        return make_exposure(mode=type(self).mode)

    def stranger(self) -> Exposure:
        """Return an exposure for which it has none: by default of an instrument and a detector that do not exist."""
        exposure = self.exposure()
        return exposure.replace(meta=replace(exposure.meta, instrument="NOWHERE", detector="NOTHING"))

    @rule("answers")
    def test_it_finds_what_it_has(self, trial: _ProviderTrial) -> None:
        """The answer is a Reference of the type that was asked for, its file is there, and it names the provider."""
        reference = trial.found()
        if reference.reftype != self.reftype:
            trial.fail(f"asked for a {self.reftype}, it returned a {reference.reftype}")
        if not isinstance(reference.path, Path) or not reference.path.is_file():
            trial.fail(f"the file {reference.path} is not there, or no Path")
        if not reference.provider:
            trial.fail("its Reference does not name the provider")
        if reference.sha256 and reference.sha256 != sha256_of(reference.path):
            trial.fail(f"the sha256 {reference.sha256:.12} is not that of {reference.path.name}")

    @rule("none-for-others")
    def test_it_has_none_of_another_type(self, trial: _ProviderTrial) -> None:
        """For a type of which it has no file it returns None: two providers that answer are an error."""
        if (found := trial.find(reftype=_NO_TYPE)) is not None:
            trial.fail(f"for a type that does not exist it returned {found!r:.80}; None is right")

    @rule("selects")
    def test_it_has_none_for_a_stranger(self, trial: _ProviderTrial) -> None:
        """For an exposure for which it has no file it returns None, or raises ReferenceNotFound."""
        try:
            found = trial.find(self.stranger())
        except ReferenceNotFound:
            return
        if found is not None:
            trial.fail(f"for an exposure of another instrument it returned {found.path.name}; None is right")

    @rule("explains")
    def test_it_explains_its_choice(self, trial: _ProviderTrial) -> None:
        """The answers of explain_reference are Candidates, each with a reason; what was chosen is not among them."""
        chosen = trial.found()
        for exposure in (self.exposure(), self.stranger()):
            answer = trial.explain(exposure)
            candidates = list(answer) if isinstance(answer, Sequence) else [answer] if answer is not None else []
            for one in candidates:
                if not isinstance(one, Candidate) or not isinstance(one.path, Path) or not one.reason:
                    trial.fail(f"it explained with {one!r:.80}, not with a Candidate that has a path and a reason")
        if chosen.path in [one.path for one in trial.explain() or ()]:
            trial.fail(f"{chosen.path.name} was chosen and is among the rejected candidates")

    @rule("repeatable")
    def test_the_same_question_has_the_same_answer(self, trial: _ProviderTrial) -> None:
        """Asked twice, it answers the same."""
        if (first := trial.found()) != (second := trial.found()):
            trial.fail(f"the second time it returned {second.path.name} of {second.provider}, not {first.path.name}")
        if (said := trial.explain()) != (again := trial.explain()):
            trial.fail(f"the second time it explained {again!r:.80}, not {said!r:.80}")

    @rule("spawned")
    def test_it_answers_in_a_spawned_process(self, trial: _ProviderTrial) -> None:
        """In a process that has nothing yet it answers the same: worker processes look for their own files."""
        here = trial.found()
        try:
            carried = [carry(one) for one in (self.plugin, *self.needs)]
            there = spawn(ask_here, carried, "find_reference", trial.question())
        except PluginError as error:
            trial.fail(str(error))
        except Exception as error:
            trial.fail(f"in a spawned process it raised {type(error).__name__}: {error}")
        if there != here:
            trial.fail(f"in a spawned process it returned {getattr(there, 'path', there)}, not {here.path}")
