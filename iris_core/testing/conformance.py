"""Conformance tests: what every stage owes, written once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from iris_core.instruments import InstrumentMode
from iris_core.model import Exposure
from iris_core.testing._behaviour import RulesOfBehaviour
from iris_core.testing._form import RulesOfForm
from iris_core.testing._make import iris_mode
from iris_core.testing._pixels import RulesOfPixels
from iris_core.testing._rules import rules_in
from iris_core.testing._truth import FileTruth, ImageTruth, known_reference, truth_of_mode

__all__ = ["StageConformance"]


class StageConformance(RulesOfForm, RulesOfPixels, RulesOfBehaviour):
    """Tests that a stage keeps every rule of the framework; derive a test class from it.

    A failure names the rule that is broken, with the numbers. Override the methods where your stage needs
    another exposure, other reference files, or background exposures.

    Attributes
    ----------
    plugin
        The module that implements the stage.
    stage
        Name of the stage; ``""`` where the module implements one only.
    params
        Parameters to test with, besides the defaults.
    needs
        Modules that declare the stage, where `plugin` does not.
    optional
        Types of optional reference files to give it.
    mode
        Its instrument mode; None for the IRIS imager.
    shape
        Rows and columns of the exposure.
    realisations
        Realisations of the noise, for the rule ``errors-true``.
    exempt
        Rules that do not apply, each with the reason, which the report shows.

    Examples
    --------
    >>> import my_flat  # doctest: +SKIP
    >>> class TestMyFlat(StageConformance):  # doctest: +SKIP
    ...     plugin = my_flat
    ...     stage = "flat_field"
    """

    plugin: Any = None
    stage: ClassVar[str] = ""
    params: ClassVar[Mapping[str, Any]] = {}
    needs: ClassVar[Sequence[Any]] = ()
    optional: ClassVar[tuple[str, ...]] = ()
    mode: ClassVar[InstrumentMode | None] = None
    shape: ClassVar[tuple[int, int]] = (48, 64)
    realisations = 24
    exempt: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def rules(cls) -> dict[str, str]:
        """Return the name of every rule, with what it says."""
        return dict(rules_in(cls))

    def instrument(self) -> InstrumentMode:
        """Return the instrument mode."""
        return type(self).mode or iris_mode()

    def truth(self) -> Exposure:
        """Return the noise-free exposure on which the stage is tried: 2-D, with variance and a WCS.

        By default a gradient of about 100 in the unit of the mode's rates. The stage must act on it.
        """
        return truth_of_mode(self.shape, self.instrument())

    def reference(self, reftype: str) -> ImageTruth | FileTruth:
        """Return a noise-free reference file of a type, for the full frame of `truth`.

        By default ``dark``, ``flat``, ``photom``, ``area`` and ``mask`` are known; a type of your own you make here.

        Parameters
        ----------
        reftype
            One of the types that the stage declares.
        """
        return known_reference(reftype, self.truth())

    def backgrounds(self) -> Sequence[Exposure]:
        """Return noise-free background exposures, for a stage that consumes them: by default four, alike."""
        sky = self.truth()
        return [
            sky.replace(data=sky.data * 0.5, meta=replace(sky.meta, path=Path(f"sky{index}_rate.fits")))
            for index in range(4)
        ]
