"""Products of subarrays merged as files."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from os.path import lexists, realpath
from pathlib import Path

from iris_core import (
    Exposure,
    Exposures,
    InputError,
    IrisError,
    Problems,
    StageRecord,
    read_exposure,
    sha256_of,
    text_card,
    write_exposure,
)
from iris_subarray.plugin import merge_group, merge_subarrays

__all__ = ["merge_files"]

_PLUGIN = "iris-subarray"


def merge_files(files: Sequence[Path], out: Path, *, overwrite: bool = False) -> Exposure:
    """Merge a full frame and its subarrays, write the product, and return it.

    Parameters
    ----------
    files
        The full frame, whose SUBARRID is 0, and its subarrays, in any order.
    out
        The product.
    overwrite
        Whether a file of that name is replaced; an input never is.

    Raises
    ------
    Problems
        When files cannot be read; all of them are named.
    InputError
        When they do not belong together, or the product cannot be written.
    """
    if realpath(out) in map(realpath, files):
        raise InputError(f"{out} is one of the files to merge; give the product another name")
    if lexists(out) and not overwrite:
        raise InputError(f"{out} exists; --overwrite replaces it")
    members = _read(files)
    roles = ["subarray" if one.meta.subarray_id else "science" for one in members]
    product = _record(merge_group(Exposures.of(members, roles)), files)
    write_exposure(product, out, overwrite=overwrite)
    return product


def _read(files: Sequence[Path]) -> list[Exposure]:
    members, problems = [], list[IrisError]()
    for path in files:
        try:
            members.append(read_exposure(path))
        except IrisError as error:
            problems.append(error)
    if problems:
        raise Problems(problems)
    return members


def _record(merged: Exposure, files: Sequence[Path]) -> Exposure:
    """Return the product with a record of the merge in its history and its header, as a run of the stage leaves it."""
    spec = merge_subarrays.__dict__["iris_spec"]
    inputs = [f"SHA-256 of {path.name}: {sha256_of(path)}" for path in sorted(files, key=lambda path: path.name)]
    record = StageRecord(
        stage=spec.name,
        status="COMPLETE",
        keyword=spec.status,
        plugin=_PLUGIN,
        version=version(_PLUGIN),
        notes=(*merged.notes, *inputs),
    )
    header = merged.header.copy()
    header[spec.status] = text_card("COMPLETE", spec.name)
    for note in merged.notes:
        header.add_history(text_card(f"{spec.name}: {note}", "")[0])
    history = (*merged.history, record)
    return merged.replace(header=header, history=history, done=merged.done | {spec.name}, notes=())
