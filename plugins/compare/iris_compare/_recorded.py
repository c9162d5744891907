"""A provider of reference files that chooses nothing: each exposure gets the files that the product names for it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from iris_core import Candidate, Exposure, InputError, Reference, hookimpl, one_line

__all__ = ["LIST", "RecordedReferences"]

LIST = "replay.json"


@dataclass(frozen=True, slots=True, eq=False)
class RecordedReferences:
    """The reference files of one product.

    Parameters
    ----------
    folder
        Where they are.
    choices
        As the provenance of the product has them; `path` is relative to the folder.
    """

    folder: Path
    choices: Sequence[Mapping[str, Any]]

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Return those of a folder.

        Raises
        ------
        InputError
            When its list cannot be read.
        """
        try:
            choices = json.loads((folder / LIST).read_text(encoding="utf-8"))["references"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{folder / LIST}: not the list of a replay: {one_line(error)}") from error
        return cls(folder, choices)

    @hookimpl
    def find_reference(self, reftype: str, exposure: Exposure) -> Reference | None:
        """Return the file that the product was made with; None where it was made without one."""
        found = self._choice(reftype, exposure)
        if not found.get("path"):
            return None
        return Reference(
            reftype=reftype,
            path=self.folder / found["path"],
            provider=found["provider"],
            notes=tuple(found.get("notes", ())),
            sha256=found["sha256"],
        )

    @hookimpl
    def explain_reference(self, reftype: str, exposure: Exposure) -> list[Candidate]:
        """Return the files that were rejected when the product was made: the reasons stand in its history."""
        return [Candidate(Path(name), reason) for name, reason in self._choice(reftype, exposure).get("rejected", ())]

    def _choice(self, reftype: str, exposure: Exposure) -> Mapping[str, Any]:
        of_type = (one for one in self.choices if one["type"] == reftype)
        name = exposure.meta.path.name
        return next((one for one in of_type if name in one.get("exposures", (name,))), {})
