"""What there is under a folder: exposures with their products, stacks, reference files, and what cannot be read."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from iris_verify import Record, files_under, read_record

from iris_core import Exposure, InputError, key_of, open_fits, product_name, read_asdf, read_fits
from iris_report._failures import FAILED, Failure, read_failures

__all__ = ["Night", "Observation", "Product", "find_night"]

_CALIBRATED = ("cal", "calints")


@dataclass(frozen=True, slots=True)
class Product:
    """An image that a run has made.

    Parameters
    ----------
    path
        Its file.
    outline
        Its headers, unit and shape.
    record
        What it was made of.
    suffix
        ``cal``, ``i2d``, ``bsub`` ...: its name without that of its exposure.
    """

    path: Path
    outline: Exposure
    record: Record
    suffix: str = ""

    @property
    def cards(self) -> Mapping[str, Any]:
        """The keywords of both headers; the science header goes first."""
        return {**self.outline.header, **self.outline.sci_header}

    @property
    def stages(self) -> int:
        """How many stages it has been through."""
        return sum(one.status == "COMPLETE" for one in self.record.history)

    @property
    def mode(self) -> str:
        """The instrument mode, as its key has it."""
        return str((self.record.provenance.get("key", {}).get("mode") or [""])[0])

    @property
    def recipe(self) -> str:
        """The recipe that made it."""
        return str(self.outline.header.get("RECIPE", ""))

    @property
    def is_rectified(self) -> bool:
        """Whether its pixels are not those of the detector: neighbours share noise."""
        return "PIXFRAC" in self.outline.sci_header

    @property
    def members(self) -> list[Mapping[str, str]]:
        """The science exposures it was made of."""
        return [one for one in self.record.provenance.get("members", ()) if one["role"] == "science"]


@dataclass(frozen=True, slots=True)
class Observation:
    """One exposure, with its products in the order of their making.

    Parameters
    ----------
    name
        Of its file, without ``_rate`` and ending.
    file, sha256
        The file it was read from; ``""`` where that is not known.
    products
        What was made of it.
    """

    name: str
    file: str
    sha256: str
    products: tuple[Product, ...]

    @property
    def main(self) -> Product:
        """The product whose pixels are measured: ``cal``, or else the last one on the pixels of the detector."""
        return max(self.products, key=lambda one: (one.suffix in _CALIBRATED, not one.is_rectified, one.stages))

    @property
    def group(self) -> tuple[str, ...]:
        """What exposures have in common that see the same sky through the same glass."""
        meta = self.main.outline.meta
        return meta.instrument, meta.detector, meta.filter, meta.pupil, meta.read_mode


@dataclass
class Night:
    """What was found.

    Parameters
    ----------
    folder
        Where.
    observations
        Exposures, in order of time.
    stacks
        Products of many exposures that are no reference files.
    calibrations
        Reference files that were made.
    tables
        Catalogues by the key of the image that they are of.
    damaged
        Products that cannot be read, with the reason.
    unreadable
        Exposures that cannot be read, and that no product is made of: a run over a folder passes over them.
    failures
        What runs could not calibrate.
    others
        How many other FITS, ASDF and ECSV files there are.
    """

    folder: Path
    observations: list[Observation] = field(default_factory=list)
    stacks: list[Product] = field(default_factory=list)
    calibrations: list[Product] = field(default_factory=list)
    tables: dict[str, Path] = field(default_factory=dict)
    damaged: dict[Path, str] = field(default_factory=dict)
    unreadable: dict[Path, str] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    others: int = 0


def find_night(folder: Path, without: Path, failures: Iterable[Failure] = (), search: Iterable[Path] = ()) -> Night:
    """Return what there is in a folder and below; headers are read, pixels are not.

    Parameters
    ----------
    folder
        Of the products.
    without
        A folder that is passed over: that of the report.
    failures
        Exposures that are known to have failed, beside those that FAILED.jsonl lists.
    search
        Folders with exposures and reference files.
    """
    night, single = Night(folder), list[Product]()
    for path in files_under(folder):
        if not path.is_relative_to(without):
            _sort(path, night, single)
    # An image without errors beside one that has them says something of it: which pixel is of which source.
    whole = {one.record.key for one in night.stacks if one.outline.variance}
    night.stacks = [one for one in night.stacks if one.outline.variance or one.record.key not in whole]
    night.observations = sorted(_told_apart(list(_observations(single)), folder), key=_when)
    listed = [one for path in sorted(folder.rglob(FAILED)) for one in read_failures(path.parent)]
    night.failures = list(dict.fromkeys([*listed, *failures]))
    night.unreadable = dict(_unreadable(night, search))
    return night


def _unreadable(night: Night, search: Iterable[Path]) -> Iterator[tuple[Path, str]]:
    products = [one for each in night.observations for one in each.products]
    members = [one for each in (*products, *night.stacks) for one in each.record.provenance.get("members", ())]
    known = {str(one["file"]) for one in members} | {one.file for one in night.failures}
    paths = dict.fromkeys(path for folder in search for path in files_under(folder))
    for path in paths:
        if ".fits" in path.name and path.name not in known and path not in night.damaged:
            try:
                with open_fits(path, pixels=False, tell=lambda _remark: None):
                    pass
            except InputError as error:
                yield path, str(error).removeprefix(f"{path}: ")


def _sort(path: Path, night: Night, single: list[Product]) -> None:
    key = key_of(path)
    if not key:
        night.others += 1
    elif path.suffix == ".ecsv":
        night.tables[key] = path
    else:
        try:
            product = _read(path)
        except InputError as error:
            night.damaged[path] = str(error).removeprefix(f"{path}: ")
            return
        header = product.outline.header
        if "REFTYPE" in header:
            night.calibrations.append(product)
        elif "NEXP" not in header:
            single.append(product)
        else:
            night.stacks.append(product)


def _read(path: Path) -> Product:
    outline = read_asdf(path, pixels=False) if path.suffix == ".asdf" else read_fits(path, pixels=False)
    return Product(path, outline, read_record(path))


def _observations(products: Iterable[Product]) -> Iterator[Observation]:
    """Yield exposures with their products: those of one science exposure, as they say themselves, belong together."""
    found: dict[tuple[Path, str], list[Product]] = defaultdict(list)
    files: dict[tuple[Path, str], tuple[str, str, str]] = {}
    for product in products:
        stem, file, sha256 = _origin(product)
        identity = product.path.parent, sha256 or stem
        files.setdefault(identity, (stem, file, sha256))
        name = product.path.stem
        suffix = name.removeprefix(f"{stem}_") if name.startswith(f"{stem}_") else "cal" if name == stem else name
        found[identity].append(Product(product.path, product.outline, product.record, suffix))
    for identity, group in found.items():
        ordered = sorted(group, key=lambda one: (one.stages, one.path.name))
        yield Observation(*files[identity], tuple(ordered))


def _told_apart(observations: Sequence[Observation], folder: Path) -> Iterator[Observation]:
    """Yield exposures so that no two have one name: those that share it are named with their folders."""
    counts = Counter(one.name for one in observations)
    taken: set[str] = set()
    for one in observations:
        name = str(one.main.path.parent.relative_to(folder) / one.name) if counts[one.name] > 1 else one.name
        name = f"{name} ({one.sha256[:8]})" if name in taken else name
        taken.add(name)
        yield replace(one, name=name)


def _origin(product: Product) -> tuple[str, str, str]:
    """Return the name of the exposure that a product is of, its file and the SHA-256 of that."""
    name, members = product.path.stem, product.members
    stems = {_stem(one["file"]): one for one in members}
    named = [stem for stem in stems if name == stem or name.startswith(f"{stem}_")]
    if named:
        stem = max(named, key=len)
    elif len(members) == 1:
        stem = next(iter(stems))
    else:
        return name.rpartition("_")[0] or name, "", ""
    return stem, stems[stem]["file"], stems[stem]["sha256"]


def _stem(file: str) -> str:
    """Return how the names of the products of an exposure begin."""
    return product_name(file, "x", False).removesuffix("_x.fits")


def _when(observation: Observation) -> tuple[str, str]:
    start = observation.main.outline.meta.start_time
    return (start.isoformat() if start else "9999", observation.name)
