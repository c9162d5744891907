"""The framework's own plugin: it runs steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from iris_core.exposure import Exposure
from iris_core.exposures import Exposures
from iris_core.instruments import InstrumentMode
from iris_core.stages import hookimpl

if TYPE_CHECKING:
    from iris_core.reference import References
    from iris_core.step import Step


@hookimpl
def run_stage(
    step: Step,
    exposure: Exposure,
    references: References,
    background_exposures: Sequence[Exposure],
    instrument: InstrumentMode,
) -> Any:
    """Call the hook of the stage; arithmetic on invalid pixels raises no warnings."""
    with np.errstate(all="ignore"):
        return step.hook(
            exposure=exposure,
            params=step.params,
            references=references,
            background_exposures=background_exposures,
            instrument=instrument,
        )


@hookimpl
def run_group_stage(step: Step, exposures: Exposures, references: References, instrument: InstrumentMode) -> Any:
    """Call the hook of a stage of many exposures."""
    with np.errstate(all="ignore"):
        return step.hook(exposures=exposures, params=step.params, references=references, instrument=instrument)
