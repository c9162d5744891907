"""Reference files: how a type is declared, and what a stage is given of a file that was chosen."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self, TypeVar

import numpy as np

from iris_core.arrays import Flags, Image, root_of_sum
from iris_core.errors import InputError, IrisError, ReferenceNotFound, choices
from iris_core.exposure import Exposure
from iris_core.instruments import SELECTORS, InstrumentMode
from iris_core.meta import Meta, ReferenceUse, Window

if TYPE_CHECKING:
    from astropy.modeling import Model
    from astropy.table import Table
    from astropy.units import UnitBase

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceType:
    """A type of reference files, as a package declares it with the hook ``reference_types``.

    Parameters
    ----------
    name
        As in REFTYPE, lower case: ``flat``.
    kind
        What a file holds: one image, a table (FITS, ECSV), an astropy model (ASDF, under ``model``), or something
        other, which the package reads with the hook ``read_reference`` and a stage finds in `Reference.content`.
    selectors
        Keywords by which a file is chosen for an exposure, of INSTRUME, DETECTOR, FILTER, PUPIL and READMODE.
    stated
        Those of the selectors that a file has to give; one it omits beyond these matches all.
    firm
        Those that even a file named by hand must not contradict; other differences are noted.
    preferred
        Keywords in which a file need not be like the exposure, and is preferred where it is: ``("EXPTIME", "COADDS")``
        of a dark. A file that differs is used with a note.
    quantity
        What an image is: a ``rate`` (electron/s, DN/s), a ``ratio`` (no unit, near 1), or ``""`` for neither.
    has_errors
        Whether files are expected to have errors.
    """

    name: str
    kind: Literal["image", "table", "model", "other"] = "image"
    selectors: tuple[str, ...] = SELECTORS
    stated: tuple[str, ...] = ("INSTRUME", "DETECTOR")
    firm: tuple[str, ...] = ("INSTRUME", "DETECTOR")
    preferred: tuple[str, ...] = ()
    quantity: Literal["rate", "ratio", ""] = ""
    has_errors: bool = True

    def __post_init__(self) -> None:
        if unknown := set(self.selectors) - set(SELECTORS):
            raise ValueError(f"reference type '{self.name}': no selector {choices(unknown)}; {', '.join(SELECTORS)}")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A reference file that was considered and not chosen, and the reason."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceImage:
    """The pixels of a reference file that belong to an exposure.

    Parameters
    ----------
    data
        ``(ny, nx)``, float32, as in the file: NaN stays NaN and is not flagged.
    err
        Its standard deviation, float32; 0 where the file gives no errors.
    dq
        `iris_core.DQ` bits, uint32.
    unit
        From BUNIT; None where there is none.
    meta
        Its typed header.
    has_errors
        Whether the file gives errors.
    """

    data: Image
    err: Image
    dq: Flags
    unit: UnitBase | None
    meta: Meta
    has_errors: bool = True

    def part(self, where: tuple[slice, ...]) -> ReferenceImage:
        """Return that of some rows, or of some rows of an integration: the last index counts."""
        return replace(self, data=self.data[where[-1]], err=self.err[where[-1]], dq=self.dq[where[-1]])


def image_of(exposure: Exposure) -> ReferenceImage:
    """Return the image in a reference file that was read as an exposure, or as an outline, which takes no memory."""
    components = list(exposure.variance.values())
    is_outline = exposure.data.size and not any(exposure.data.strides)
    err = root_of_sum(components) if components and not is_outline else np.float32(0)
    return ReferenceImage(
        data=exposure.data,
        err=np.broadcast_to(err, exposure.data.shape),  # a view that cannot be written to: all exposures share it
        dq=exposure.dq,
        unit=exposure.unit,
        meta=exposure.meta,
        has_errors=bool(components),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A reference file that was chosen for an exposure.

    Parameters
    ----------
    reftype
        ``dark``, ``flat`` ... or a plugin's own.
    path
        The file.
    provider
        The provider that chose it: ``by hand``, the folder, a plugin.
    notes
        Remarks on the choice, for the product.
    sha256
        Of the file, where the provider knows it; otherwise it is computed for the provenance.
    content
        What the file holds (an image, a table, a model), put in by the framework before a stage is called.
    derived
        What was made of the content, by `derive`.
    """

    reftype: str
    path: Path
    provider: str
    notes: tuple[str, ...] = ()
    sha256: str = ""
    content: Any = field(default=None, compare=False, repr=False)
    derived: dict[Hashable, Any] = field(default_factory=dict, compare=False, repr=False)

    def image(self, exposure: Exposure) -> ReferenceImage:
        """Return the pixels that belong to the pixels of `exposure`; those of an outline are blank.

        Raises
        ------
        InputError
            When the file is not one image, or does not cover the exposure.
        """
        full = self.content if type(self.content) is ReferenceImage else image_of(self._content(Exposure, "an image"))
        if full.data.ndim != 2:
            raise InputError(f"the {self.reftype} {self.path.name} has shape {full.data.shape}; (ny, nx) is needed")
        part = self._part(full, exposure)
        return replace(full, data=full.data[part], err=full.err[part], dq=full.dq[part])

    def _part(self, full: ReferenceImage, exposure: Exposure) -> tuple[slice, slice]:
        if exposure.meta.window is None and full.data.shape != exposure.shape:
            raise InputError(
                f"the {self.reftype} {self.path.name} has shape {full.data.shape}, {exposure.name} {exposure.shape}; "
                f"the header of a subarray exposure has to give its window, SUBSTRT1/2 and SUBSIZE1/2"
            )
        outer = full.meta.window or Window(1, 1, full.data.shape[1], full.data.shape[0])
        inner = exposure.meta.window or Window(1, 1, exposure.shape[1], exposure.shape[0])
        try:
            return inner.slices_in(outer)
        except InputError as error:
            raise InputError(f"the {self.reftype} {self.path.name} does not cover {exposure.name}: {error}") from None

    def table(self) -> Table:
        """Return a copy of the table that the file holds."""
        from astropy.table import Table

        return self._content(Table, "a table (FITS or ECSV)").copy()

    def model(self) -> Model:
        """Return a copy of the astropy model that the file holds."""
        from astropy.modeling import Model

        return self._content(Model, "an ASDF file with an astropy model under 'model'").copy()

    def _content(self, kind: type, wanted: str) -> Any:
        if not isinstance(self.content, kind):
            found = "it has not been read" if self.content is None else f"it was read as {type(self.content).__name__}"
            raise InputError(f"the {self.reftype} {self.path} is not {wanted}: {found}")
        return self.content

    def derive(self, make: Callable[[], Made], *key: Hashable) -> Made:
        """Return what `make` makes of the content: made once in a run for a key, whatever uses the file.

        It is the same object for all exposures, and must not be changed.

        Parameters
        ----------
        make
            Takes long, and depends on the content and the key only.
        *key
            What it is, and all else that it depends on.
        """
        if key not in self.derived:
            self.derived[key] = make()
        made: Made = self.derived[key]
        return made

    def with_content(self, content: Any, derived: dict[Hashable, Any] | None = None) -> Self:
        """Return the reference with what its file holds, and what was made of that before."""
        return replace(self, content=content, derived={} if derived is None else derived)

    def use(self, sha256: str = "") -> ReferenceUse:
        """Return what the provenance keeps of this reference."""
        known = sha256 or self.sha256
        return ReferenceUse(reftype=self.reftype, path=str(self.path), sha256=known, provider=self.provider)


@dataclass(frozen=True, slots=True)
class Need:
    """A type of reference files that a stage needs, or uses where there is one; `place` is that of the step."""

    stage: str
    reftype: str
    needed: bool
    place: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """The choice of one reference file.

    Parameters
    ----------
    need
        The stage and the type.
    chosen
        The file; None where there is none.
    problem
        Why there is none although the stage needs it, or none could be chosen.
    rejected
        Every other candidate with the reason, where nothing was chosen.
    """

    need: Need
    chosen: Reference | None = None
    problem: IrisError | None = None
    rejected: tuple[Candidate, ...] = ()

    @property
    def outcome(self) -> str:
        """One phrase: the provider that chose the file, or what is missing."""
        return f"chosen ({self.chosen.provider})" if self.chosen else str(self.problem or "none; optional")


class References(dict[str, Reference]):
    """The reference files of one step, by type.

    ``references["dark"]`` is a `Reference`; ``references.get("distortion")`` is None where there is none.
    `notes` give the reason why a candidate for an optional one was not used.
    """

    def __init__(self, found: Mapping[str, Reference] | None = None, notes: tuple[str, ...] = ()) -> None:
        super().__init__(found or {})
        self.notes = notes

    def __missing__(self, reftype: str) -> Reference:
        raise ReferenceNotFound(f"no {reftype} reference was given; there are: {choices(self)}")


def references_of(found: Iterable[Choice]) -> References:
    """Return what was chosen, with a note on each optional file that exists and does not fit: it is not passed over."""
    found = list(found)
    notes = tuple(
        f"no {one.need.reftype} reference is used; candidates: "
        + "; ".join(f"{candidate.path.name}: {candidate.reason}" for candidate in one.rejected)
        for one in found
        if one.rejected
    )
    return References({one.need.reftype: one.chosen for one in found if one.chosen is not None}, notes)


class ReferenceFiles(Protocol):
    """The reference files of a run, as the hook ``open_references`` opens them: chosen, and read once."""

    @property
    def problems(self) -> Sequence[IrisError]:
        """What is wrong with the references that the recipe names."""

    def unused(self, needs: Iterable[Need], skipped: Iterable[Need]) -> Sequence[IrisError]:
        """Return an error for each file that is named and that no step would use."""

    def choose(self, need: Need, exposure: Exposure, instrument: InstrumentMode) -> Choice:
        """Return the choice of one reference file for an exposure or its outline; its image is an outline."""

    def expect(self, references: Iterable[References]) -> None:
        """Count what will be read: a file is kept until it has been used as often as it was expected."""

    def read(self, references: References) -> References:
        """Return references with the pixels of their images."""

    def uses(self, references: References) -> tuple[ReferenceUse, ...]:
        """Return what the provenance keeps of references, with the hashes of their files."""

    def close(self) -> None:
        """Release what is kept."""
