"""FAILED.jsonl beside products: the exposures of which a run could make none, and why."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from iris_core import ExposureResult, InputError, Report, atomic, locked_folder

__all__ = ["FAILED", "Failure", "read_failures", "read_run", "record_failures"]

FAILED = "FAILED.jsonl"


@dataclass(frozen=True, slots=True)
class Failure:
    """An exposure, or a group of them, that could not be calibrated.

    Parameters
    ----------
    file
        Name of its file; of a group that of the first.
    exposures
        How many there are.
    recipe
        What was to be done.
    error
        What went wrong.
    """

    file: str
    exposures: int
    recipe: str
    error: str

    @property
    def label(self) -> str:
        """The file, and how many others there are."""
        others = self.exposures - 1
        return f"{self.file} and {others} other{'s' if others > 1 else ''}" if others else self.file


def record_failures(report: Report) -> None:
    """Write which exposures of a run failed beside its products, and forget those that have products now.

    A run that made no product at all has no folder, and leaves nothing.
    """
    folders = dict.fromkeys(path.parent for path in report.products)
    failed = [_of(result, report.recipe) for result in report.failed]
    done = {(report.recipe, result.path.name) for result in report.results}
    for folder in folders:
        if failed or (folder / FAILED).exists():
            with locked_folder(folder):
                earlier = [one for one in read_failures(folder) if (one.recipe, one.file) not in done]
                _write(folder / FAILED, [*earlier, *failed])


def _of(result: ExposureResult, recipe: str) -> Failure:
    return Failure(result.name, result.exposures, recipe, result.error)


def _write(path: Path, failures: Iterable[Failure]) -> None:
    lines = [json.dumps(asdict(one)) + "\n" for one in failures]
    if not lines:
        path.unlink(missing_ok=True)
        return
    with atomic(path) as temporary:
        temporary.write_text("".join(lines), encoding="utf-8")


def read_failures(folder: Path) -> list[Failure]:
    """Return the failures that are recorded in a folder.

    Raises
    ------
    InputError
        When the record makes no sense.
    """
    path = folder / FAILED
    if not path.is_file():
        return []
    try:
        return [_restored(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines() if line]
    except (UnicodeDecodeError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path}: no record of failures, one JSON object a line: {error}; remove it") from error


def read_run(path: Path) -> list[Failure]:
    """Return the failures in what ``iris run --json`` printed.

    Raises
    ------
    InputError
        When it is something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if "problems" in content:  # of a run that began with no exposure at all
            return [Failure(path.name, 1, "", str(one)) for one in content["problems"]]
        exposures: list[Mapping[str, Any]] = [one for one in content["exposures"] if one["error"]]
        return [_restored({**one, "file": Path(one["path"]).name, "recipe": content["recipe"]}) for one in exposures]
    except (OSError, UnicodeDecodeError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path}: not what 'iris run --json' prints: {type(error).__name__} {error}") from error


def _restored(content: Mapping[str, Any]) -> Failure:
    return Failure(str(content["file"]), int(content["exposures"]), str(content["recipe"]), str(content["error"]))
