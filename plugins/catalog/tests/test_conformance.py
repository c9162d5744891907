"""The stage keeps every rule of the framework; of its result the exposure, which the kit knows, is tried."""

from __future__ import annotations

from types import ModuleType
from typing import ClassVar

import iris_catalog
from iris_catalog import CatalogParams, catalogue_sources, check_catalogue
from iris_testkit import StageConformance

from iris_core import Exposure, InstrumentMode, References, stage


@stage("source_catalog", params=CatalogParams, optional=("psf",), check=check_catalogue)
def exposure_alone(
    exposure: Exposure, params: CatalogParams, references: References, instrument: InstrumentMode
) -> Exposure:
    """Return the exposure of the result."""
    result = catalogue_sources(exposure, params, references, instrument)
    assert isinstance(result.exposure, Exposure)
    return result.exposure


alone = ModuleType("catalogue_alone")
alone.__dict__["exposure_alone"] = exposure_alone
specification = ModuleType("catalogue_specification")
specification.__dict__["source_catalog"] = iris_catalog.source_catalog


class TestConformance(StageConformance):
    """The rules that every stage has to keep."""

    plugin = alone
    needs = (specification,)
    stage = "source_catalog"
    exempt: ClassVar = {"spawned": "a module made here cannot be imported by another process"}
