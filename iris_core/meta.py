"""What is known about an exposure beside its pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from iris_core.errors import InputError


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle of a detector.

    Parameters
    ----------
    xstart, ystart
        First column and row, 1-based, on the full detector.
    xsize, ysize
        Columns and rows.
    """

    xstart: int
    ystart: int
    xsize: int
    ysize: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.ysize, self.xsize

    @property
    def numbers(self) -> tuple[int, int, int, int]:
        """First column and row, columns and rows: SUBSTRT1, SUBSTRT2, SUBSIZE1, SUBSIZE2."""
        return self.xstart, self.ystart, self.xsize, self.ysize

    def slices_in(self, outer: Window) -> tuple[slice, slice]:
        """Return the row and column slices of this window in an array that covers `outer`.

        Raises
        ------
        InputError
            When this window is not wholly inside `outer`.
        """
        x, y = self.xstart - outer.xstart, self.ystart - outer.ystart
        if x < 0 or y < 0 or x + self.xsize > outer.xsize or y + self.ysize > outer.ysize:
            raise InputError(f"the window {self} is not inside {outer}")
        return slice(y, y + self.ysize), slice(x, x + self.xsize)

    def __str__(self) -> str:
        return f"{self.xsize} x {self.ysize} pixels from column {self.xstart}, row {self.ystart}"


@dataclass(frozen=True, slots=True)
class Subarray:
    """One window of the detector that was read out as an exposure of its own.

    Parameters
    ----------
    id
        Its number in the map, 1 to 10.
    window
        Where it lies on the detector.
    detxsize, detysize
        Columns and rows of the whole detector.
    fastaxis, slowaxis
        Readout axes, 1 or 2, negative against the pixel order.
    """

    id: int
    window: Window
    detxsize: int
    detysize: int
    fastaxis: int = 1
    slowaxis: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Meta:
    """What an exposure is: the header keywords that the framework itself reads.

    A text that the header does not give is ``""``, a number or a time None.
    `exposure_time` is in seconds, `start_time` in UTC, `ra` and `dec` in degrees (ICRS or FK5).
    `window` is None where the header does not give the part of the detector that was read.
    `mode` is the instrument mode once it has been matched, `path` the file; neither is in the header.
    """

    telescope: str = ""
    instrument: str = ""
    mode: str = ""
    detector: str = ""
    filter: str = ""
    pupil: str = ""
    read_mode: str = ""
    image_type: str = ""
    target: str = ""
    program: str = ""
    exposure_time: float | None = None
    start_time: datetime | None = None
    ra: float | None = None
    dec: float | None = None
    subarray_id: int = 0
    window: Window | None = None
    path: Path = Path()

    @property
    def filename(self) -> str:
        """Name of the file the exposure came from."""
        return self.path.name


class Removal(StrEnum):
    """How much of something (dark current, background, flat) has been taken out of the pixels."""

    NO = "no"
    WHOLE = "whole"
    PART = "in part"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceUse:
    """A reference file as it was used: its type, its file, the provider that chose it."""

    reftype: str
    path: str
    sha256: str
    provider: str


@dataclass(frozen=True, slots=True)
class FileHash:
    """The SHA-256 of a file, and the state (see `state_of`) in which it had this hash."""

    sha256: str
    state: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRecord:
    """What one stage did to an exposure; written by the runner only.

    `status` is ``COMPLETE`` or ``SKIPPED``; `notes` give the reason of a skip, or what the stage
    decided; `params` can be written as JSON.
    """

    stage: str
    status: str
    keyword: str = ""
    plugin: str = ""
    version: str = ""
    notes: tuple[str, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    references: tuple[ReferenceUse, ...] = ()
    backgrounds: tuple[str, ...] = ()
    seconds: float = 0.0
