"""What was done to an exposure: its records, the keywords that repeat them, and the files that were used."""

from __future__ import annotations

from hashlib import file_digest
from pathlib import Path
from typing import Any

from iris_core.exposure import Exposure
from iris_core.keywords import header_text, text_card
from iris_core.meta import StageRecord
from iris_core.state import pass_through
from iris_core.step import Step

# Of the products: 1 is that of version 0.1, 2 keeps what has been removed from the pixels.
FORMAT = 2


def record_step(
    step: Step, exposure: Exposure, skipped: str = "", notes: tuple[str, ...] = (), **facts: Any
) -> Exposure:
    """Return an exposure whose history and header record a step: done, or skipped for a reason.

    Parameters
    ----------
    step
        The step.
    exposure
        The result of its stage, or the exposure as it was.
    skipped
        The reason; ``""`` where the stage was run.
    notes
        Remarks of the stage.
    **facts
        Further fields of the `StageRecord`.
    """
    record = StageRecord(
        stage=step.stage,
        status="SKIPPED" if skipped else "COMPLETE",
        keyword=step.spec.status,
        plugin=step.implementation.plugin,
        version=step.implementation.version,
        notes=(skipped,) if skipped else notes,
        params=step.params.model_dump(mode="json"),
        **facts,
    )
    passed = pass_through(step, exposure, skipped)
    header = passed.header.copy()
    for use in record.references:
        header[f"R_{use.reftype.upper()[:6]}"] = text_card(Path(use.path).name, "reference file")
    for note in record.notes:
        header.add_history(f"{step.stage}: {'SKIPPED: ' if skipped else ''}{header_text(note)}")
    return passed.replace(history=(*exposure.history, record), header=header, notes=exposure.notes if skipped else ())


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    # For each piece the thread waits for the interpreter, and others for the thread: large ones, then.
    with path.open("rb", buffering=0) as file:
        return file_digest(file, "sha256", _bufsize=1 << 22).hexdigest()
