"""A product made again from what stands in it, and compared with what it is."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import Any

from iris_verify import Hashes, Ingredient, Record, Search, faults, read_record, written_name

from iris_compare._products import ProductDifference, diff_products
from iris_compare._staging import Staged, ingredients_of, lay_out, mode_of
from iris_compare._versions import install_line, other_python, other_versions
from iris_core import (
    Identity,
    InputError,
    IrisError,
    Plugins,
    Run,
    hookimpl,
    identify,
    key_differences,
    key_of,
    load_plugins,
    run,
    sha256_of,
)

__all__ = ["SAME_BITS", "Replay", "replay_product"]

SAME_BITS, _NOT_MADE, _OWN = "same bits", "not made again", "iris-compare"


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What came of making a product again.

    Parameters
    ----------
    product
        The file.
    verdict
        ``same bits``; the verdict of the comparison; or ``not made again``.
    problems
        Why it was not made again, or not the same.
    missing
        What it was made of and was not found.
    changes
        In words, how the code and the libraries differ from those that made it.
    install
        The command that installs those that made it; ``""`` where none would.
    difference
        How it differs from what is made now.
    """

    product: Path
    verdict: str = _NOT_MADE
    problems: tuple[str, ...] = ()
    missing: tuple[Ingredient, ...] = ()
    changes: tuple[str, ...] = ()
    install: str = ""
    difference: ProductDifference | None = None

    @property
    def is_same(self) -> bool:
        """Whether the same bytes came out."""
        return self.verdict == SAME_BITS

    def plain(self) -> dict[str, Any]:
        """Return it as data that can be written as JSON."""
        missing = [{**asdict(one), "label": one.label} for one in self.missing]
        difference = None if self.difference is None else self.difference.plain()
        own = {"product": str(self.product), "verdict": self.verdict, "same_bits": self.is_same}
        said = {"problems": list(self.problems), "missing": missing, "changes": list(self.changes)}
        return {**own, **said, "install": self.install, "difference": difference}


def replay_product(
    path: str | Path,
    search: Iterable[str | Path] = (),
    *,
    anyway: bool = False,
    keep: str | Path | None = None,
    plugins: Plugins | None = None,
) -> Replay:
    """Make a product again from what it says of its making, and compare the two.

    Parameters
    ----------
    path
        An image or a mask, FITS or ASDF; a catalogue beside an image of its run.
    search
        Folders in which exposures, reference files and single-file plugins are looked for, beside that of the product.
    anyway
        Whether it is made again with other versions of code and libraries, too.
    keep
        A new folder for what is made, and for what it is made of; by default a temporary one that is removed.
    plugins
        The plugins to use; by default those that are installed.

    Raises
    ------
    InputError
        When the file is no product, does not say how it was made, or `keep` is there already.
    """
    path = Path(path)
    if damage := faults(path):
        return Replay(product=path, problems=tuple(damage))
    record = _record_of(path)
    if record.key_fault:
        return Replay(product=path, problems=(record.key_fault,))
    with Hashes() as hashes:
        located = Search(map(Path, search), hashes).locate(record, ingredients_of(record))
    if located.changed or located.missing:
        return Replay(product=path, problems=tuple(located.changed), missing=tuple(located.missing))
    own = _plugins(record) if plugins is None else plugins.copy()
    others = other_versions(record.provenance["key"], own)
    known = Replay(product=path, changes=tuple(map(str, others)), install=install_line(others))
    if others and not anyway:
        return known
    with _folder(keep) as folder:
        done = _remake(known, record, lay_out(folder, record, located.found), own, anyway)
        if keep is not None and done.verdict == _NOT_MADE:
            rmtree(folder)  # it can be named again
    return done


def _record_of(path: Path) -> Record:
    """Return the record of a product; that of a catalogue is in the images that were made with it."""
    record = read_record(path)
    if not record.key:
        raise InputError(f"{path}: no product: it has no IRISKEY")
    if record.is_empty:
        beside = (one for one in sorted(path.parent.iterdir()) if one.suffix in (".fits", ".asdf"))
        record = next((read_record(one) for one in beside if key_of(one) == record.key), record)
    if record.is_empty:
        raise InputError(f"{path}: a catalogue keeps its key alone; an image of the same run has to lie beside it")
    return record


def _plugins(record: Record) -> Plugins:
    """Return the installed plugins without those that only act on the end of a run: this one is of no archive."""
    every = load_plugins()
    needed = record.provenance["key"].get("code", {})
    names = (one for one in every.names() if one in needed or "run_finished" not in every.hooks_of(one))
    return load_plugins([_OWN, *names])


@contextmanager
def _folder(keep: str | Path | None) -> Iterator[Path]:
    if keep is None:
        with TemporaryDirectory(prefix="iris-replay-") as name:
            yield Path(name)
        return
    folder = Path(keep).absolute()
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise InputError(f"{keep}: the folder cannot be made: {error.strerror}; name a new one") from None
    yield folder


def _remake(known: Replay, record: Record, staged: Staged, plugins: Plugins, anyway: bool) -> Replay:
    forced = mode_of(record) if record.provenance["resolved"].get("forced") else ""
    guard = _Guard(record, staged.hashes, anyway)
    try:
        report = run(
            staged.recipe,
            staged.association,
            directory=staged.products,
            instrument=forced,
            plugin_files=staged.plugin_files,
            plugins=plugins,
            watch=guard,
        )
    except _OtherCodeError:
        return replace(known, changes=tuple(guard.reasons))
    except IrisError as error:
        return replace(known, problems=tuple(str(error).splitlines()))
    known = replace(known, changes=tuple(guard.reasons) or known.changes)
    products = {one.name: one for one in report.products}
    name = written_name(known.product) or known.product.name
    if name not in products:
        failed = [one.error for one in report.failed] or [f"the recipe made no {name}, but {', '.join(products)}"]
        return replace(known, problems=tuple(failed))
    return _compared(known, products[name], str(record.provenance.get("python", "")))


def _compared(known: Replay, made: Path, python: str) -> Replay:
    if sha256_of(made) == sha256_of(known.product):
        return replace(known, verdict=SAME_BITS)
    known = replace(known, changes=(*known.changes, *other_python(python)))
    difference = diff_products(known.product, made)
    unseen = difference.verdict.exit_code == 0 and not (difference.headers or difference.history or known.changes)
    words = "the bytes differ outside of pixels, headers and history: it was written anew, or damaged"
    problems = (words,) if unseen else ()
    return replace(known, verdict=difference.verdict.value, difference=difference, problems=problems)


class _OtherCodeError(IrisError):
    """The run would be another one than that of the product."""


@dataclass(eq=False, slots=True)
class _Guard:
    """Compares what a run would make with what a product is, before the first pixel."""

    record: Record
    hashes: Mapping[Path, str]
    anyway: bool
    reasons: list[str] = field(default_factory=list)

    @hookimpl(wrapper=True)
    def calibrate_jobs(self, run: Run, plans: Mapping[Any, Any]) -> Generator[None, Any, Any]:
        """Stop a run that would be of another key."""
        for plan in plans.values():
            self.reasons += key_differences(self.record.provenance, self._identity(run, plan).provenance)
        if self.reasons and not self.anyway:
            raise _OtherCodeError("; ".join(self.reasons))
        return (yield)

    def _identity(self, run: Run, plan: Any) -> Identity:
        provenance = self.record.provenance
        members = [*provenance.get("members", ()), *provenance.get("left_out", ())]
        files = (one for found in plan.references for one in found.values())
        return identify(plan, run, members, [(one.reftype, self.hashes[one.path]) for one in files])
