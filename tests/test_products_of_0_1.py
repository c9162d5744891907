"""Products of version 0.1 are still read; they give in BKG_DARK or BKG_METH what became of the dark current."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import asdf
import numpy as np
import pytest
from astropy.io import fits

from iris_core import Exposure, InputError, Plugins, Problems, Removal, calibrate, read_asdf, read_fits

DATA = np.arange(72, dtype=np.float32).reshape(8, 9)
PRIMARY = {"TELESCOP": "TMT", "INSTRUME": "IRIS", "DETECTOR": "IMG1", "FILTER": "Kbb", "S_BKDSUB": "COMPLETE"}
USE = {"reftype": "flat", "path": "/calib/flat.fits", "sha256": "0" * 64, "provider": "by hand"}
RECORD = {
    "stage": "background", "status": "COMPLETE", "keyword": "S_BKDSUB", "plugin": "iris-background", "version": "0.1.0",
    "notes": ["noted"], "params": {"sigma": 3.0}, "references": [USE], "backgrounds": ["sky.fits"], "seconds": 0.5,
}  # fmt: skip
WINDOW = {"xstart": 11, "ystart": 21, "xsize": 4, "ysize": 5}
SUBARRAY = {"id": 3, "window": WINDOW, "detxsize": 4096, "detysize": 4096, "fastaxis": 1, "slowaxis": 2}
TREE = {"provenance": {"recipe": "image2"}, "history": [RECORD], "subarrays": [SUBARRAY]}

formats = pytest.mark.parametrize("ending", ["fits", "asdf"])
outcomes = pytest.mark.parametrize(
    ("cards", "amount"),
    [
        ({"BKG_DARK": True}, Removal.WHOLE),
        ({"BKG_DARK": False}, Removal.NO),
        ({"BKG_METH": "from_science"}, Removal.PART),
        ({"BKG_METH": "from_science", "BKG_DARK": True}, Removal.PART),
    ],
)


@pytest.fixture
def product(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a product as 0.1 did, with cards in its science header, and in the primary one."""

    def write(ending: str, cards: dict[str, Any], **primary: Any) -> Path:
        path = tmp_path / f"x_bsub.{ending}"
        header, science = fits.Header([*PRIMARY.items(), *primary.items()]), fits.Header(list(cards.items()))
        science["BUNIT"] = "electron/s"
        (as_fits if ending == "fits" else as_asdf)(path, header, science)
        return path

    return write


def as_fits(path: Path, header: fits.Header, science: fits.Header) -> None:
    buffer = BytesIO()
    asdf.AsdfFile({"meta": {"wcs": None}, "iris": TREE}).write_to(buffer)
    content = np.frombuffer(buffer.getvalue(), dtype=np.uint8)
    column = fits.Column("ASDF_METADATA", f"{content.size}B", array=[content])
    planes = {"ERR": np.ones_like(DATA), "DQ": DATA.astype(np.uint32) & 4, "VAR_POISSON": np.ones_like(DATA)}
    hdus = [fits.ImageHDU(plane, name=name) for name, plane in planes.items()]
    extension = fits.BinTableHDU.from_columns([column], name="ASDF")
    hdus = [fits.PrimaryHDU(header=header), fits.ImageHDU(DATA, science, "SCI"), *hdus, extension]
    fits.HDUList(hdus).writeto(path, overwrite=True)


def as_asdf(path: Path, header: fits.Header, science: fits.Header) -> None:
    lines = {
        name: [str(card).rstrip() for card in cards.cards]
        for name, cards in (("primary", header), ("sci", science), ("wcs", fits.Header()))
    }
    planes = {"data": DATA, "dq": DATA.astype(np.uint32) & 4, "variance": {"poisson": np.ones_like(DATA)}}
    tree = {"meta": {"wcs": None}, "iris": TREE, "unit": "electron/s", "headers": lines, **planes}
    asdf.AsdfFile({**tree, "planes": {}, "area": None}).write_to(path)


def read(path: Path, pixels: bool = True) -> Exposure:
    return read_asdf(path, pixels) if path.suffix == ".asdf" else read_fits(path, pixels)


@formats
def test_pixels_history_windows_and_provenance_are_read(product: Callable[..., Path], ending: str) -> None:
    exposure = read(product(ending, {}))
    assert np.array_equal(exposure.data, DATA)
    assert np.array_equal(exposure.dq, DATA.astype(np.uint32) & 4)
    assert list(exposure.variance) == ["poisson"]
    assert (exposure.provenance, len(exposure.subarrays)) == ({"recipe": "image2"}, 1)
    assert (exposure.subarrays[0].id, exposure.subarrays[0].window.numbers) == (3, (11, 21, 4, 5))
    (record,) = exposure.history
    assert (record.stage, record.notes, record.backgrounds) == ("background", ("noted",), ("sky.fits",))
    assert (record.references[0].reftype, record.references[0].sha256) == ("flat", "0" * 64)


@formats
@outcomes
@pytest.mark.parametrize("pixels", [True, False])
def test_what_the_background_subtraction_took_of_the_dark_is_known(
    product: Callable[..., Path], ending: str, cards: dict[str, Any], amount: Removal, pixels: bool
) -> None:
    assert read(product(ending, cards), pixels).removed == {"dark": amount}


@formats
def test_bkg_dark_may_stand_in_the_primary_header(product: Callable[..., Path], ending: str) -> None:
    """0.1 asked its users to write it where it could not know."""
    assert read(product(ending, {}, BKG_DARK=True)).removed == {"dark": Removal.WHOLE}


@formats
@pytest.mark.parametrize("value", ["T", 1, "yes"])
def test_bkg_dark_that_is_no_truth_value_is_refused(product: Callable[..., Path], ending: str, value: Any) -> None:
    with pytest.raises(InputError, match=rf"x_bsub\.{ending}: BKG_DARK"):
        read(product(ending, {"BKG_DARK": value}))


@formats
@outcomes
def test_the_dark_current_is_subtracted_once_and_never_of_a_part(
    product: Callable[..., Path],
    ending: str,
    cards: dict[str, Any],
    amount: Removal,
    lab: Callable[..., Plugins],
    write_recipe: Callable[..., Path],
) -> None:
    def subtract(exposure: Exposure) -> Exposure:
        return exposure.replace(data=exposure.data - 1)

    given = read(product(ending, cards))
    recipe, plugins = write_recipe("dark_current"), lab(dark_current=subtract)
    if amount is Removal.PART:
        with pytest.raises(Problems, match="dark_current"):
            calibrate(given, recipe, plugins=plugins)
        return
    (cal,) = calibrate(given, recipe, plugins=plugins).values()
    assert np.array_equal(cal.data, DATA if amount is Removal.WHOLE else DATA - 1)
    assert cal.status == {"S_BKDSUB": "COMPLETE", "S_DARK": "COMPLETE"}
    assert cal.removed == {"dark": Removal.WHOLE, "background": Removal.WHOLE}


@formats
def test_a_product_whose_header_gives_nothing_of_the_dark_is_refused(
    product: Callable[..., Path], ending: str, lab: Callable[..., Plugins], write_recipe: Callable[..., Path]
) -> None:
    plugins = lab(dark_current=lambda exposure: exposure)
    with pytest.raises(Problems, match=r"x_bsub.*dark_current.*RM_DARK"):
        calibrate(read(product(ending, {})), write_recipe("dark_current"), plugins=plugins)
    (cal,) = calibrate(read(product(ending, {}, RM_DARK="NO")), write_recipe("dark_current"), plugins=plugins).values()
    assert cal.done == {"background", "dark_current"}
