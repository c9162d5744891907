"""What is written of exposures, beside the stages to come: stamped, whole or not there, and hashed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from iris_core.arrays import row_blocks
from iris_core.dq import DQ
from iris_core.exposure import Exposure
from iris_core.exposures import Member, Result
from iris_core.installed import DISTRIBUTION
from iris_core.io.hashing import HashedFiles
from iris_core.io.keys import KEY
from iris_core.keywords import text_card
from iris_core.meta import FileHash, StageRecord
from iris_core.plan import PlannedStep
from iris_core.prepare import Run
from iris_core.provenance import FORMAT
from iris_core.runner import follow
from iris_core.workers.identity import Identity, Owner

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["Writer", "Written", "stamp_product"]

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Written:
    """What has been written so far: the files and their hashes by suffix, and what was done to the last of them."""

    products: dict[str, Path] = field(default_factory=dict)
    hashes: dict[str, FileHash] = field(default_factory=dict)
    history: tuple[StageRecord, ...] = ()

    def add(self, other: Written) -> None:
        """Add what was written elsewhere."""
        for suffix, path in other.products.items():
            self.put(suffix, path)
        self.history = other.history

    def put(self, suffix: str, path: Path) -> None:
        """Add a product; of many exposures each has the name of its file."""
        self.products[path.name if suffix in self.products else suffix] = path

    def keep_hashes(self, files: HashedFiles) -> None:
        """Keep the hashes of what has been written, and is as it was written."""
        found = files.unchanged(self.products.values())
        self.hashes = {suffix: found[path] for suffix, path in self.products.items() if path in found}


class Writer:
    """Writes products in a thread, one after the other, while the stages go on; begins to hash each that is there.

    At the end of its context all is written, and an error in writing is raised, if not before by `check` or `wait`.

    Parameters
    ----------
    written
        What it has written is added here.
    run
        The run.
    owner
        Has the identity of the products, which is looked for in the thread: it may wait for the hashes of exposures.
    files
        Hashes them.
    """

    def __init__(self, written: Written, run: Run, owner: Owner, files: HashedFiles) -> None:
        self.written, self.run, self.owner, self.files = written, run, owner, files
        self._thread, self._begun = ThreadPoolExecutor(1), list[Future[Any]]()
        self._holding: Future[Any] | None = None
        self._last: tuple[PlannedStep, Result[Exposure]] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        is_interrupted = kind is not None and not issubclass(kind, Exception)  # what a stage after it fails at is whole
        self._thread.shutdown(cancel_futures=is_interrupted)
        if kind is None:
            self.wait()

    def wait(self) -> None:
        """Wait until all is written, and raise what went wrong."""
        wait(self._begun)
        self.check()

    def check(self) -> None:
        """Raise what has gone wrong so far."""
        while self._begun and self._begun[0].done():
            self._begun.pop(0).result()

    def follow(
        self,
        steps: Generator[tuple[PlannedStep, Result[Exposure]], None, Exposure],
        last: PlannedStep | None = None,
    ) -> Exposure:
        """Write what the steps of an exposure make, as it comes, and return the exposure at the end.

        Parameters
        ----------
        steps
            As `calibrate_exposure` yields them.
        last
            The last of them, where `write_last` is to write what it makes.
        """

        def take(done: PlannedStep, made: Result[Exposure]) -> None:
            if done is last:
                self._last = done, made
            else:
                self.write(made, done.output, done.suffix, done.beside)

        exposure = follow(steps, take)
        self.call_later(setattr, self.written, "history", exposure.history)
        return exposure

    def write_last(self, member: Member) -> None:
        """Write what the last step made of an exposure, which is read again when its turn comes: nothing holds it."""
        if self._last is not None:
            (done, made), self._last = self._last, None
            beside = replace(made, exposure=member.outline)
            self.write_later(lambda: replace(beside, exposure=member.read()), done.output, done.suffix, done.beside)

    def write(self, made: Result[Any], output: Path | None, suffix: str, beside: Mapping[str, Path]) -> None:
        """Begin to write an exposure, where it has a file, and the tables and images that were made beside it.

        What was begun like this before is written first: no more than one exposure is held for it.
        """
        if self._holding:
            wait([self._holding])
        self._holding = self.write_later(lambda: made, output, suffix, beside)

    def write_later(
        self, find: Callable[[], Result[Any]], output: Path | None, suffix: str, beside: Mapping[str, Path]
    ) -> Future[Any]:
        """Write what a function returns, which is called in the thread, when all before it is written."""
        return self.call_later(self._write, find, output, suffix, beside)

    def call_later(self, function: Callable[..., None], *arguments: Any) -> Future[Any]:
        """Call a function in the thread, when all before it is written."""
        self._begun.append(self._thread.submit(copy_context().run, function, *arguments))
        return self._begun[-1]

    def _write(
        self, find: Callable[[], Result[Any]], output: Path | None, suffix: str, beside: Mapping[str, Path]
    ) -> None:
        made = find()
        self.written.history = made.exposure.history
        images = {name: (image, beside[name]) for name, image in made.images.items()}
        if output is not None:
            images = {suffix: (made.exposure, output), **images}
        for name, (image, path) in images.items():
            if image is made.exposure:
                _warn_of_nothing(image, path)
                _warn_of_quality(image, path, self.run)
            self._put(name, stamp_product(image, path, self.owner.identity), path)
        for name, table in made.tables.items():
            self._put(name, stamp_table(table, made.exposure, beside[name], self.owner.identity), beside[name])

    def _put(self, name: str, product: Exposure | Table, path: Path) -> None:
        self.run.products.write(product, path)
        self.written.put(name, path)
        self.files.hash(path)


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
