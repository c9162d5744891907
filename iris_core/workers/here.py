"""Exposures calibrated in this process: each is calibrated alone, and fails alone."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from iris_core.arrays import row_blocks
from iris_core.dq import DQ
from iris_core.errors import IrisError, one_line
from iris_core.exposure import Exposure
from iris_core.exposures import Result
from iris_core.installed import DISTRIBUTION
from iris_core.io.hashing import HashedFiles
from iris_core.io.keys import KEY
from iris_core.keywords import text_card
from iris_core.meta import FileHash, StageRecord
from iris_core.plan import Plan, PlannedStep
from iris_core.prepare import Run
from iris_core.provenance import FORMAT
from iris_core.report import ExposureResult, Job
from iris_core.runner import calibrate_exposure, follow
from iris_core.workers.identity import Identity, Owner, Unknown, identify

if TYPE_CHECKING:
    from astropy.table import Table

log = logging.getLogger(__name__)

Planned = Callable[[], tuple[Plan, Run]]


def calibrate_here(run: Run, plans: Mapping[Job, Plan]) -> Iterator[tuple[Job, ExposureResult]]:
    """Return the results of the exposures of a run, one after the other, as they come."""
    for plan in plans.values():
        run.references.expect(plan.references)
    planned = (partial(_planned, plan, run) for plan in plans.values())
    return zip(plans, map(calibrate_job, plans, planned), strict=False)


def _planned(plan: Plan, run: Run) -> tuple[Plan, Run]:
    return plan, run


def calibrate_job(job: Job, planned: Planned) -> ExposureResult:
    """Calibrate one exposure and write its products; whatever goes wrong is in the result.

    Parameters
    ----------
    job
        The exposure.
    planned
        Returns its plan and the run that carries it out.
    """
    start, written = perf_counter(), Written()
    try:
        plan, run = planned()
        members = members_of(plan)
        with hashed(members) as files:
            exposure, backgrounds = read_inputs(plan, run)
            steps = calibrate_exposure(plan, exposure, backgrounds, run.plugins, run.references)
            del exposure, backgrounds  # the stages need the memory
            owner = Unknown(lambda: identify(plan, run, recorded(members, files)))
            for done, made in steps:
                written.write(made, done.output, done.suffix, done.beside, run, owner)
                del made  # the stages to come need the memory
                written.begin_hashes(files)
            written.end_hashes(files)
    except Exception as error:
        failed = failure(job.path, error, perf_counter() - start)
        return replace(failed, products=written.products, history=written.history)
    return ExposureResult(
        path=job.path,
        mode=plan.mode.name,
        products=written.products,
        hashes=written.hashes,
        history=written.history,
        seconds=perf_counter() - start,
    )


def members_of(plan: Plan) -> list[tuple[str, Path]]:
    """Return role and file of every exposure that is read."""
    return [("science", plan.job.path), *(("background", path) for path in plan.job.backgrounds)]


def hashed(members: Iterable[tuple[str, Path]]) -> closing[HashedFiles]:
    """Begin to hash the files of exposures, given with their roles, beside the stages."""
    files = HashedFiles()
    for _, path in members:
        files.hash(path)
    return closing(files)


def recorded(members: Iterable[tuple[str, Path]], files: HashedFiles) -> list[dict[str, str]]:
    """Return what the provenance keeps of the exposures that something is made of; waits for their hashes."""
    return [{"file": path.name, "role": role, "sha256": files.sha256(path)} for role, path in members]


def read_inputs(plan: Plan, run: Run) -> tuple[Exposure, list[Exposure]]:
    """Return an exposure and its background exposures as the first step is given them."""
    read = run.plugins.read_exposure
    exposure = plan.prepare(read(plan.job.path), *plan.notes)
    _warn_of_unit(exposure)
    return exposure, [plan.prepare(read(path)) for path in plan.job.backgrounds]


@dataclass(slots=True)
class Written:
    """What has been written so far: the files and their hashes by suffix, and what was done to the last of them."""

    products: dict[str, Path] = field(default_factory=dict)
    hashes: dict[str, FileHash] = field(default_factory=dict)
    history: tuple[StageRecord, ...] = ()

    def follow(
        self,
        steps: Generator[tuple[PlannedStep, Result[Exposure]], None, Exposure],
        run: Run,
        owner: Owner,
    ) -> Exposure:
        """Write what the steps of an exposure make, as it comes, and return the exposure at the end."""
        last = follow(steps, lambda done, made: self.write(made, done.output, done.suffix, done.beside, run, owner))
        self.history = last.history
        return last

    def add(self, other: Written) -> None:
        """Add what was written elsewhere; of many exposures each product has the name of its file."""
        for suffix, path in other.products.items():
            self.products[path.name if suffix in self.products else suffix] = path
        self.history = other.history

    def begin_hashes(self, files: HashedFiles) -> None:
        """Begin to hash what has been written, beside the stages to come."""
        for path in self.products.values():
            files.hash(path)

    def end_hashes(self, files: HashedFiles) -> None:
        """Keep the hashes of what has been written, and is as it was written."""
        found = files.unchanged(self.products.values())
        self.hashes = {suffix: found[path] for suffix, path in self.products.items() if path in found}

    def write(
        self,
        made: Result[Exposure],
        output: Path | None,
        suffix: str,
        beside: Mapping[str, Path],
        run: Run,
        owner: Owner,
    ) -> None:
        """Write an exposure, where it has a file, and the tables and images that were made beside it."""
        self.history = made.exposure.history
        images = {name: (image, beside[name]) for name, image in made.images.items()}
        if output is not None:
            images = {suffix: (made.exposure, output), **images}
        for name, (image, path) in images.items():
            if image is made.exposure:
                _warn_of_nothing(image, path)
                _warn_of_quality(image, path, run)
            run.products.write(stamp_product(image, path, owner.identity), path)
            self.products[name] = path
        for name, table in made.tables.items():
            run.products.write(stamp_table(table, made.exposure, beside[name], owner.identity), beside[name])
            self.products[name] = beside[name]


def stamp_product(exposure: Exposure, path: Path, identity: Identity) -> Exposure:
    """Return a product whose primary header gives its name and level, and the software, recipe and run that made it."""
    header = exposure.header.copy()
    header["FILENAME"] = text_card(path.name, "name of this file")
    header["DATALVL"] = (3, "made of many exposures") if "NEXP" in header else (2, "calibrated")
    header["DRSVER"] = (version(DISTRIBUTION), f"version of {DISTRIBUTION}")
    header["DRSFMT"] = (FORMAT, "version of the format of this product")
    header["RECIPE"] = text_card(str(exposure.provenance.get("recipe", "")), "recipe that made this product")
    header[KEY] = (identity.key, "")  # the number takes the whole card
    return exposure.replace(header=header, provenance={**identity.provenance, **exposure.provenance})


def stamp_table(table: Table, exposure: Exposure, path: Path, identity: Identity) -> Table:
    """Return a copy of a table that gives its name, and the software, recipe and run that made it."""
    stamped = table.copy()
    stamped.meta |= {
        "FILENAME": path.name,
        "DRSVER": version(DISTRIBUTION),
        "RECIPE": str(exposure.provenance.get("recipe", "")),
        KEY: identity.key,
    }
    return stamped


def _warn_of_unit(exposure: Exposure) -> None:
    for note in exposure.notes:
        if note.startswith("no BUNIT"):
            log.warning("%s: %s", exposure.meta.path, note)


def _warn_of_nothing(product: Exposure, path: Path) -> None:
    if all((product.dq[block] & DQ.DO_NOT_USE).all() for block in row_blocks(product.dq.shape)):
        log.warning("%s: no valid pixels", path)


def _warn_of_quality(product: Exposure, path: Path, run: Run) -> None:
    """Warn of keywords of a product that are not as its instrument mode says is usual."""
    name, header = product.meta.mode, {**product.header, **product.sci_header}
    for keyword, (low, high) in (run.modes[name].quality if name in run.modes else {}).items():
        value = header.get(keyword)
        if isinstance(value, int | float) and not low <= value <= high:
            log.warning("%s: %s is %g, not from %g to %g (quality of %s)", path, keyword, value, low, high, name)


def failure(path: Path, error: Exception, seconds: float) -> ExposureResult:
    """Return the result of an exposure that failed."""
    words = str(error) if isinstance(error, IrisError) else one_line(error)
    words = words if path.name in words else f"{path}: {words}"
    return ExposureResult(
        path=path,
        products={},
        seconds=seconds,
        error=" ".join([words, *(f"({note})" for note in getattr(error, "__notes__", ()))]),
        traceback="".join(traceback.format_exception(error)),
    )
