"""What is harmless changes no pixel: further cards, the order of HDUs, padding, comments, packing."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from numpy.random import Generator
from numpy.testing import assert_array_equal

from iris_core import Exposure, read_fits

SHAPE = (20, 30)
CARDS = {"INSTRUME": "IRIS", "DETECTOR": "IMG1", "EXPTIME": 100.0, "DATE-OBS": "2026-03-21T08:00:00"}
Changed = Callable[[list[Any], Generator], None]


def planes() -> list[Any]:
    rng = np.random.default_rng(7)
    sci = rng.normal(10, 1, SHAPE).astype(np.float32)
    sci[3, 4] = np.nan
    poisson, rnoise = (rng.uniform(0.5, 1, SHAPE).astype(np.float32) for _ in range(2))
    dq = (rng.random(SHAPE) < 0.05).astype(np.uint32)
    named = {"SCI": sci, "VAR_POISSON": poisson, "VAR_RNOISE": rnoise, "DQ": dq, "AREA": np.ones_like(sci)}
    hdus = [fits.ImageHDU(plane, name=name) for name, plane in named.items()]
    hdus[0].header["BUNIT"] = "electron/s"
    return [fits.PrimaryHDU(header=fits.Header(CARDS)), *hdus]


def further_cards(hdus: list[Any], rng: Generator) -> None:
    values: list[Any] = [3, -1.5e-7, True, "text", "it's", "a long text " * 12, "", complex(1, 2)]
    for hdu in hdus:
        for number in range(int(rng.integers(1, 40))):
            hdu.header[f"KEY{number}"] = (values[rng.integers(len(values))], "why not")


def comments(hdus: list[Any], rng: Generator) -> None:
    for hdu in hdus:
        for _ in range(int(rng.integers(1, 60))):
            getattr(hdu.header, ("add_comment", "add_history", "add_blank")[rng.integers(3)])("nothing of importance")


def other_order(hdus: list[Any], rng: Generator) -> None:
    hdus[1:] = [hdus[1 + place] for place in rng.permutation(len(hdus) - 1)]


def order_of_cards(hdus: list[Any], rng: Generator) -> None:
    cards = list(hdus[0].header.cards)[4:]
    rng.shuffle(cards)
    hdus[0] = fits.PrimaryHDU(header=fits.Header(cards))


def a_table(hdus: list[Any], rng: Generator) -> None:
    column = fits.Column(name="a", format="D", array=rng.normal(size=int(rng.integers(1, 9))))
    hdus.insert(int(rng.integers(1, len(hdus) + 1)), fits.BinTableHDU.from_columns([column], name="CATALOG"))


def another_image(hdus: list[Any], rng: Generator) -> None:
    extra = fits.ImageHDU(rng.normal(size=(3, int(rng.integers(2, 9)))), name="THUMBNAIL")
    hdus.insert(int(rng.integers(1, len(hdus) + 1)), extra)


def long_keywords(hdus: list[Any], rng: Generator) -> None:
    for hdu in hdus[:2]:
        hdu.header["HIERARCH ESO TEL AIRM START"] = float(rng.normal())


def lower_case_name(hdus: list[Any], rng: Generator) -> None:
    for hdu in hdus[1:]:
        hdu.header["EXTNAME"] = hdu.header["EXTNAME"].lower()
        hdu.header["EXTVER"] = int(rng.integers(1, 3))


def duplicates(hdus: list[Any], rng: Generator) -> None:
    for hdu in hdus:
        hdu.header.append(("FILTER2", "Kbb"), end=True)
        hdu.header.append(("FILTER2", "Kbb"), end=True)


CHANGES: tuple[Changed, ...] = (
    *(further_cards, comments, other_order, order_of_cards, a_table, another_image, long_keywords),
    *(lower_case_name, duplicates),
)


def written(path: Path, hdus: list[Any], rng: Generator) -> Path:
    """Write HDUs with or without sums, more blocks or bytes at the end, packed or not."""
    fits.HDUList(hdus).writeto(path, checksum=bool(rng.integers(2)), output_verify="silentfix")
    content = path.read_bytes() + (b"", bytes(2880), bytes(100), b" " * 2880)[rng.integers(4)]
    packed = path.with_suffix(".fits.gz") if rng.integers(4) == 0 else path
    packed.write_bytes(gzip.compress(content, 1) if packed is not path else content)
    return packed


def same_pixels(one: Exposure, other: Exposure) -> None:
    assert_array_equal(one.data, other.data)
    assert_array_equal(one.dq, other.dq)
    assert_array_equal(one.area, other.area)
    assert set(one.variance) == set(other.variance)
    for name, plane in one.variance.items():
        assert_array_equal(plane, other.variance[name])
    assert (one.unit, one.meta.exposure_time, one.meta.start_time) == (
        other.unit,
        other.meta.exposure_time,
        other.meta.start_time,
    )


@pytest.mark.parametrize("seed", range(200))
def test_a_harmless_change_gives_the_same_pixels(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    fits.HDUList(planes()).writeto(tmp_path / "plain.fits")
    hdus = planes()
    for number in rng.choice(len(CHANGES), size=int(rng.integers(1, 5)), replace=False):
        CHANGES[number](hdus, rng)
    changed = read_fits(written(tmp_path / "x.fits", hdus, rng))
    same_pixels(changed, read_fits(tmp_path / "plain.fits"))
    assert not any(word in note for note in changed.notes for word in ("truncated", "SUM", "fill", "mended"))
