"""The rules that every stage has to keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from iris_core import Exposure, InstrumentMode
from iris_testkit._behaviour import RulesOfBehaviour
from iris_testkit._bench import Bench
from iris_testkit._form import RulesOfForm
from iris_testkit._make import iris_mode
from iris_testkit._pixels import RulesOfPixels
from iris_testkit._rules import Conformance
from iris_testkit._truth import FileTruth, ImageTruth, known_reference, truth_of_mode

__all__ = ["StageConformance"]


class StageConformance(Conformance, RulesOfForm, RulesOfPixels, RulesOfBehaviour):
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

    trial = Bench
    stage: ClassVar[str] = ""
    params: ClassVar[Mapping[str, Any]] = {}
    optional: ClassVar[tuple[str, ...]] = ()
    mode: ClassVar[InstrumentMode | None] = None
    shape: ClassVar[tuple[int, int]] = (48, 64)
    realisations = 24

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
