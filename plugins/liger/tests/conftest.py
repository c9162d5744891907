"""Simulated nights of known truth, and the layouts in which their files may come."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import asdf
import numpy as np
import pytest
from astropy.io import fits
from iris_liger import instrument_modes
from iris_testkit import iris_mode

from iris_core import DQ, Exposure, InstrumentMode

MODES = {"Liger": instrument_modes()[0], "IRIS": iris_mode()}
# What Liger's schemas do not have.
NOT_OF_LIGER = ("BUNIT", "WCSAXES")


@pytest.fixture(scope="session")
def liger() -> InstrumentMode:
    """Return the mode of the Liger imager."""
    return MODES["Liger"]


@dataclass(frozen=True, slots=True)
class Night:
    """A science exposure and exposures of blank sky, in memory; the folder of the references; the simulation."""

    science: Exposure
    skies: tuple[Exposure, ...]
    store: Path
    made: Any

    def reference(self, reftype: str) -> Exposure:
        """Return the reference image of a type."""
        image: Exposure = self.made.reference_image(reftype)
        return image


@pytest.fixture(scope="session")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Night]:
    """Return a function from an instrument and a number of integrations to a night, which is made once."""
    kept: dict[tuple[str, int], Night] = {}

    def night(instrument: str, integrations: int = 0) -> Night:
        key = instrument, integrations
        if key not in kept:
            kept[key] = observe(instrument, tmp_path_factory.mktemp(f"{instrument}{integrations}"), integrations)
        return kept[key]

    return night


def observe(instrument: str, folder: Path, integrations: int) -> Night:
    """Simulate a small frame with stars, a window, and hot and dead pixels."""
    simulator = pytest.importorskip("iris_simulate")
    made = simulator.simulate(
        instrument=MODES[instrument], size=(96, 80), stars=2, brightest=2e-6, backgrounds=3, subarrays=1,
        defects=0.01, integrations=integrations, position_angle=20.0, seed=5,
    )  # fmt: skip
    written = simulator.write_set(made, folder)
    skies = tuple(made.background(index) for index in range(3))
    return Night(made.exposure(0), skies, written.references["dark"].parent, made)


@pytest.fixture(scope="session")
def write_as() -> Callable[[str, Exposure, Path], Path]:
    """Return a function that writes an exposure in a layout; ``.fits.gz`` and ``.fits.fz`` are written compressed."""

    def write(layout: str, exposure: Exposure, path: Path) -> Path:
        if layout == "stdatamodels":
            return by_their_library(exposure, path)
        first, *others = LAYOUTS[layout](exposure)
        if path.name.endswith(".fz"):
            others = [packed(hdu) for hdu in others]
        fits.HDUList([first, *others]).writeto(path)
        return path

    return write


def jwst_like(exposure: Exposure) -> list[Any]:
    variance = {f"VAR_{name.upper()}": plane for name, plane in exposure.variance.items() if name != "total"}
    planes = {"SCI": exposure.data, "ERR": exposure.err, "DQ": exposure.dq, **variance, **exposure.planes}
    hdus = [fits.ImageHDU(plane, name=name) for name, plane in planes.items() if plane is not None]
    hdus[0].header.update(exposure.sci_header)
    return [fits.PrimaryHDU(header=exposure.header), *hdus]


def liger_with(flags: type) -> Callable[[Exposure], list[Any]]:
    """Return a function that gives PRIMARY with all keywords, DATA, ERR, DQ of a type, SUBARR_MAP, ASDF."""

    def hdus(exposure: Exposure) -> list[Any]:
        planes = {"DATA": exposure.data, "ERR": exposure.err, "DQ": exposure.dq.astype(flags)}
        planes |= {name: plane.astype(np.uint16) for name, plane in exposure.planes.items()}
        images = [fits.ImageHDU(plane, name=name) for name, plane in planes.items() if plane is not None]
        return [fits.PrimaryHDU(header=their_header(exposure)), *images, asdf_extension({"meta": {"data_level": 1}})]

    return hdus


def their_header(exposure: Exposure) -> fits.Header:
    header = one_header(exposure)
    for keyword in NOT_OF_LIGER:
        header.remove(keyword, ignore_missing=True)
    if "RADESYS" in header:
        header.rename_keyword("RADESYS", "RADECSYS")
    return header


def one_header(exposure: Exposure) -> fits.Header:
    header = exposure.header.copy()
    header.extend(exposure.sci_header)
    return header


def asdf_extension(tree: dict[str, Any]) -> fits.BinTableHDU:
    buffer = BytesIO()
    asdf.AsdfFile(tree).write_to(buffer)
    content = np.frombuffer(buffer.getvalue(), dtype=np.uint8)
    column = fits.Column("ASDF_METADATA", f"{content.size}B", array=content[np.newaxis])
    return fits.BinTableHDU.from_columns([column], name="ASDF")


def plain(exposure: Exposure) -> list[Any]:
    return [fits.PrimaryHDU(blanked(exposure), header=one_header(exposure))]


def plain_in_an_extension(exposure: Exposure) -> list[Any]:
    return [fits.PrimaryHDU(), fits.ImageHDU(blanked(exposure), header=one_header(exposure))]


def blanked(exposure: Exposure) -> Any:
    return np.where(exposure.dq & DQ.DO_NOT_USE, np.float32(np.nan), exposure.data)


LAYOUTS: Mapping[str, Callable[[Exposure], list[Any]]] = {
    "jwst-like": jwst_like,
    "liger": liger_with(np.uint16),
    "liger, DQ of 32 bits": liger_with(np.uint32),
    "plain": plain,
    "plain, in an extension": plain_in_an_extension,
}


def packed(hdu: Any) -> Any:
    """Return an image as fpack leaves it, without loss; tables stay as they are."""
    if not isinstance(hdu, fits.ImageHDU):
        return hdu
    lossless: dict[str, Any] = {"compression_type": "GZIP_2", "quantize_level": 0}
    return fits.CompImageHDU(hdu.data, header=hdu.header, name=hdu.name, **lossless)


def by_their_library(exposure: Exposure, path: Path) -> Path:
    """Write Liger's layout with the library of Liger's pipeline: its ASDF extension refers to the images beside it."""
    library = pytest.importorskip("stdatamodels")
    header = their_header(exposure)
    names = {card.keyword: card.keyword.lower().replace("-", "_") for card in header.cards}
    images = {"data": exposure.data, "err": exposure.err, "dq": exposure.dq, **exposure.planes}
    kinds = {"data": "float32", "err": "float32", "dq": "uint32", "SUBARR_MAP": "uint16"}
    properties: dict[str, Any] = {name.lower(): {"fits_hdu": name.upper(), "datatype": kinds[name]} for name in images}
    properties["meta"] = {"type": "object", "properties": {names[key]: {"fits_keyword": key} for key in names}}
    with library.DataModel(schema={"type": "object", "properties": properties}) as model:
        for name, plane in images.items():
            setattr(model, name.lower(), np.array(plane, dtype=kinds[name]))
        for keyword, name in names.items():
            setattr(model.meta, name, header[keyword])
        model.save(str(path))
    return path
