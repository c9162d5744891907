"""One step of a recipe, and what it is given: frozen facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from iris_core.exposure import Exposure
from iris_core.exposures import Exposures
from iris_core.instruments import InstrumentMode
from iris_core.meta import Removal
from iris_core.reference import Need, References
from iris_core.stages import Params, StageImplementation, StageSpec


@dataclass(frozen=True, slots=True)
class Implementation:
    """One plugin's implementation of one stage; `source` is the distribution or file that brings it."""

    plugin: str
    version: str
    declared: StageImplementation
    source: str = ""

    def __str__(self) -> str:
        """Return plugin and version, and the distribution where it has another name."""
        named = f"{self.plugin} {self.version}".strip()
        return f"{named} ({self.source})" if self.source not in ("", self.plugin) else named


@dataclass(frozen=True, slots=True, kw_only=True)
class _Inputs:
    references: References = field(default_factory=References)
    instrument: InstrumentMode

    def arguments(self) -> dict[str, Any]:
        """Return them by name: the names are those of the hooks' arguments."""
        return {item.name: getattr(self, item.name) for item in fields(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class StageInputs(_Inputs):
    """What a stage is given, beside its parameters."""

    exposure: Exposure
    background_exposures: Sequence[Exposure] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupInputs(_Inputs):
    """What a stage of many exposures is given, beside its parameters."""

    exposures: Exposures


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One stage of a recipe, ready to run.

    Parameters
    ----------
    spec
        The specification of the stage.
    implementation
        The implementation that was chosen.
    params
        Its parameters, validated.
    hook
        pluggy's caller of the stage's hook, with the chosen implementation and the wrappers of the recipe.
    save
        Suffix of the product to write after it; ``""`` for none.
    skip
        Why the recipe skips it; ``""`` where it does not.
    again
        Whether it may run on an exposure that has been through this stage.
    place
        Where the recipe has it: file and line.
    valid
        Whether its parameters are; otherwise it is there for the steps after it, and never runs.
    """

    spec: StageSpec
    implementation: Implementation
    params: Params
    hook: Any = field(default=None, compare=False, repr=False)
    save: str = ""
    skip: str = ""
    again: bool = False
    place: str = ""
    valid: bool = True

    def __str__(self) -> str:
        """Return the stage and what implements it, for messages."""
        return f"stage '{self.stage}' of {self.implementation}"

    @property
    def stage(self) -> str:
        """Name of the stage."""
        return self.spec.name

    @property
    def declared(self) -> StageImplementation:
        """What the implementation declares."""
        return self.implementation.declared

    @property
    def needs(self) -> tuple[Need, ...]:
        """The types of reference files that its implementation needs, or uses where there are any."""
        needed = self.declared.references
        return tuple(
            Need(self.stage, reftype, reftype in needed, self.place) for reftype in (*needed, *self.declared.optional)
        )

    @property
    def makes_product(self) -> bool:
        """Whether a product is written after it: a stage that is skipped does not make its own product."""
        return bool(self.save) and not (self.skip and self.save == self.spec.product)

    @property
    def by_integration(self) -> bool:
        """Whether its implementation treats each integration of a cube alone."""
        declared = self.declared.by_integration
        return declared(self.params) if callable(declared) else declared

    @property
    def removes(self) -> Mapping[str, Removal]:
        """How much it takes out of the pixels, by name."""
        declared = self.declared.removes
        also = (declared(self.params) if self.valid else {}) if callable(declared) else declared
        unknown = dict.fromkeys(self.spec.may_remove, Removal.UNKNOWN)
        own = {self.spec.removes: Removal.WHOLE} if self.spec.removes else {}
        return {**unknown, **own, **also}
