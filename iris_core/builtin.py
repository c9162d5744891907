"""What the core itself implements of its own hooks, by the same door as everybody else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iris_core.executors import SerialExecutor, start_processes
from iris_core.instruments import InstrumentMode, load_mode
from iris_core.model import Exposure
from iris_core.stages import hookimpl

if TYPE_CHECKING:
    from iris_core.references import References
    from iris_core.steps import Step

_HERE = Path(__file__).parent


@hookimpl(trylast=True)
def run_stage(
    step: Step,
    exposure: Exposure,
    references: References,
    background_exposures: Sequence[Exposure],
    instrument: InstrumentMode,
) -> Any:
    """Call the chosen implementation with the arguments it names."""
    return step.call(exposure, references, background_exposures, instrument)


@hookimpl(trylast=True)
def read_exposure(path: Path, pixels: bool) -> Exposure:
    """Read ``.asdf`` as ASDF and everything else as FITS."""
    if path.suffix == ".asdf":
        from iris_core.asdfio import read_asdf

        return read_asdf(path, pixels)
    from iris_core.fitsio import read_fits

    return read_fits(path, pixels)


@hookimpl(trylast=True)
def write_product(exposure: Exposure, path: Path) -> Path | None:
    """Write ``.fits`` and ``.asdf``."""
    if path.suffix == ".asdf":
        from iris_core.asdfio import write_asdf

        write_asdf(exposure, path)
        return path
    if path.suffix == ".fits":
        from iris_core.fitswrite import write_fits

        write_fits(exposure, path)
        return path
    return None


@hookimpl
def instrument_modes() -> list[InstrumentMode]:
    """Return the mode of the IRIS imager."""
    return [load_mode(_HERE / "instruments" / "iris.yaml")]


@hookimpl
def recipes() -> Mapping[str, Path]:
    """Return the recipes in ``recipes/``, by file name."""
    return {path.stem: path for path in sorted((_HERE / "recipes").glob("*.yaml"))}


@hookimpl
def executors() -> Mapping[str, Callable[[int], Executor]]:
    """Return the executors of this machine."""
    return {"serial": SerialExecutor, "processes": start_processes}
