"""A reference file as a stage sees it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iris_core.errors import InputError, ReferenceNotFound, choices
from iris_core.meta import Meta, ReferenceUse, Window
from iris_core.model import Exposure, Flags, Image

if TYPE_CHECKING:
    from astropy.modeling import Model
    from astropy.table import Table
    from astropy.units import UnitBase

__all__ = ["Candidate", "Reference", "ReferenceImage", "References", "sha256_of"]


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A reference file that was looked at and not chosen, and the reason."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceImage:
    """The pixels of a reference file, cut to the window of the exposure.

    Parameters
    ----------
    data
        ``(ny, nx)``, float32, as in the file: NaN stays NaN and is not flagged.
    err
        Its standard deviation, float32; None where the file gives no errors.
    dq
        `iris_core.DQ` bits, uint32.
    unit
        From BUNIT; None where the file does not say.
    meta
        Its typed header.
    """

    data: Image
    err: Image | None
    dq: Flags
    unit: UnitBase | None
    meta: Meta


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A reference file that was chosen for an exposure.

    Parameters
    ----------
    reftype
        ``dark``, ``flat``, ``photom``, ``distortion``, ``area`` or a plugin's own.
    path
        The file.
    provider
        Who chose it: ``by hand``, the folder, a plugin.
    notes
        What the user should know of the choice.
    sha256
        Of the file, where the provider knows it; otherwise it is computed for the provenance.
    read
        Reads a file of a type as an exposure, or its outline: ``read(path, reftype, pixels)``. Where a provider leaves
        it out, the framework puts in the installed readers.
    """

    reftype: str
    path: Path
    provider: str
    notes: tuple[str, ...] = ()
    sha256: str = ""
    read: Callable[[Path, str, bool], Exposure] | None = field(default=None, compare=False, repr=False)

    def image(self, exposure: Exposure, *, pixels: bool = True) -> ReferenceImage:
        """Return the pixels that belong to the window of `exposure`.

        Parameters
        ----------
        exposure
            The exposure, or its outline.
        pixels
            Whether to read pixels; without, unit, shape and header are true: that is what a stage's check needs.

        Raises
        ------
        InputError
            When the file cannot be read, is not one image, or does not cover the exposure.
        """
        if self.read is None:
            raise InputError(f"the {self.reftype} {self.path} comes without a reader; give Reference(read=...)")
        full = self.read(self.path, self.reftype, pixels)
        if full.is_integrations:
            raise InputError(
                f"the {self.reftype} {self.path.name} has shape {full.data.shape}; one image (ny, nx) is needed"
            )
        rows, columns = self._cut(full, exposure)
        err = full.err
        return ReferenceImage(
            data=full.data[rows, columns],
            err=None if err is None else err[rows, columns],
            dq=full.dq[rows, columns],
            unit=full.unit,
            meta=full.meta,
        )

    def _cut(self, full: Exposure, exposure: Exposure) -> tuple[slice, slice]:
        if exposure.meta.window is None and full.meta.window is None and full.shape == exposure.shape:
            return slice(None), slice(None)
        if exposure.meta.window is None and full.shape != exposure.shape:
            raise InputError(
                f"the {self.reftype} {self.path.name} has shape {full.shape} but {exposure.name} has {exposure.shape}; "
                f"a subarray exposure says where it lies with SUBSTRT1/2 and SUBSIZE1/2"
            )
        outer = full.meta.window or Window(1, 1, full.shape[1], full.shape[0])
        inner = exposure.meta.window or Window(1, 1, exposure.shape[1], exposure.shape[0])
        try:
            return inner.slices_in(outer)
        except InputError as error:
            raise InputError(f"the {self.reftype} {self.path.name} does not cover {exposure.name}: {error}") from None

    def table(self) -> Table:
        """Return the file as an astropy table (FITS, ECSV).

        Raises
        ------
        InputError
            When it cannot be read as a table.
        """
        from astropy.table import Table

        try:
            kind = "ascii.ecsv" if self.path.suffix == ".ecsv" else None
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # FITS knows no unit electron, but astropy does
                return Table.read(self.path, format=kind)
        except Exception as error:
            raise self._unreadable("a table (FITS or ECSV)", error) from error

    def model(self) -> Model:
        """Return the astropy model under ``model`` in an ASDF file, read whole.

        Raises
        ------
        InputError
            When there is none.
        """
        import asdf
        from astropy.modeling import Model

        try:
            with asdf.open(self.path, lazy_load=False, memmap=False) as file:
                found = file["model"]
            if not isinstance(found, Model):
                raise TypeError(f"it is a {type(found).__name__}")
            return found
        except Exception as error:
            raise self._unreadable("an ASDF file with an astropy model under 'model'", error) from error

    def _unreadable(self, wanted: str, error: Exception) -> InputError:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return InputError(f"the {self.reftype} {self.path} is not {wanted}: {reason}")

    def use(self, hashed: bool = True) -> ReferenceUse:
        """Return what the provenance keeps of this reference; `hashed` computes a SHA-256 that is not known."""
        digest = self.sha256 or (sha256_of(self.path) if hashed else "")
        return ReferenceUse(reftype=self.reftype, path=str(self.path), sha256=digest, provider=self.provider)


class References(Mapping[str, Reference]):
    """The reference files of one step, by type.

    ``references["dark"]`` is a `Reference`; ``references.get("distortion")`` is None where there is none.
    `notes` say which candidates for an optional one did not fit.
    """

    def __init__(self, found: Mapping[str, Reference] | None = None, notes: tuple[str, ...] = ()) -> None:
        self._found = dict(found or {})
        self.notes = notes

    def __getitem__(self, reftype: str) -> Reference:
        if reftype not in self._found:
            raise ReferenceNotFound(f"no {reftype} reference was given; there are: {choices(self._found)}")
        return self._found[reftype]

    def get(self, reftype: str, default: Any = None) -> Any:
        """Return the reference of a type, or `default`."""
        return self._found.get(reftype, default)

    def __contains__(self, reftype: object) -> bool:
        return reftype in self._found

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)
