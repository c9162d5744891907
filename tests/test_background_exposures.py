"""What became of the background exposures is told in the log and in the product's history, whatever the method."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from click.testing import CliRunner

from iris_core import Exposure, read_fits
from iris_core.cli import main

pytest.importorskip("iris_simulate")
pytest.importorskip("iris_background")

pytestmark = pytest.mark.usefixtures("log_as_it_was")
NX, NY = 160, 128
HIT = (slice(30, 34), slice(40, 45))


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a rate and five skies, the fourth with a cosmic ray of 20 pixels."""
    from iris_simulate import simulate, write_set

    folder = tmp_path_factory.mktemp("night")
    written = write_set(simulate(size=(NX, NY), stars=1, backgrounds=5, defects=0.0, seed=4), folder)
    with fits.open(written.backgrounds[3], mode="update") as hdus:
        hdus["SCI"].data[HIT] += 500
    return folder


def run(night: Path, out: Path, *options: str) -> tuple[Exposure, str]:
    """Run the stages up to background, as a user does, and return the product and the log of the stage."""
    (rate,) = (one for one in night.glob("*_rate.fits") if "sky" not in one.name)
    skies = [f"--background={path}" for path in sorted(night.glob("*sky*_rate.fits"))]
    given = [str(rate), f"--reference=store={night / 'references'}", *skies, "--output-dir", str(out), *options]
    log = out / "log.txt"
    result = CliRunner().invoke(main, ["run", "image2-dark-first", *given, "--save-bsub", "--log-file", str(log)])
    assert result.exit_code == 0, result.output
    return read_fits(next(out.glob("*_bsub.fits"))), log.read_text()


def notes(product: Exposure) -> tuple[str, ...]:
    return product.history[-1].notes


def assert_told(product: Exposure, log: str, *words: str) -> None:
    """Each of the words is in one note of the record, in the header's HISTORY and in the log."""
    cards = "".join(str(card) for card in product.header["HISTORY"])
    for word in words:
        for where, said in {"record": " ".join(notes(product)), "HISTORY": cards, "log": log}.items():
            assert word in said, f"{where}: {said}"


def test_an_outlier_in_one_of_five_backgrounds_is_clipped_and_told(night: Path, tmp_path: Path) -> None:
    """The standard deviation that the errors foretell clips every pixel of the cosmic ray, and is told."""
    product, log = run(night, tmp_path)
    values = rejected(notes(product)[0])
    assert list(values) == [path.name for path in sorted(night.glob("*sky*_rate.fits"))]
    hit = list(values.values())[3]
    others = [number for place, number in enumerate(values.values()) if place != 3]
    assert hit >= 20
    assert max(others) < 0.01 * NX * NY
    assert hit - max(others) <= 20 + 0.005 * NX * NY
    assert_told(product, log, "mean of 5 background exposures", f"{hit} values clipped", "standard deviation")
    untouched = product.data[:, 60:].std()
    assert np.abs(np.median(product.data[HIT]) - np.median(product.data)) < untouched


def rejected(note: str) -> dict[str, int]:
    """Return how many values of each background exposure were clipped, as a note says."""
    return {name: int(number) for name, number in re.findall(r"(\S+\.fits)[^;]*?, (\d+) values? clipped", note)}


def test_scale_median_tells_the_factors_and_what_was_clipped(night: Path, tmp_path: Path) -> None:
    product, log = run(night, tmp_path, "--set", "background.match=factor")
    assert notes(product)[0].count(" x 1") + notes(product)[0].count(" x 0.99") == 5
    assert_told(product, log, "mean of 5 background exposures", "sky0004_rate.fits x ", "values clipped")


def test_from_science_tells_its_boxes_and_that_the_backgrounds_are_not_used(night: Path, tmp_path: Path) -> None:
    product, log = run(night, tmp_path, "--set", "background.method=from_science", "--set", "background.box_size=32")
    assert_told(
        product,
        log,
        "smooth background of the exposure itself in boxes of 32 pixels",
        "5 background exposures were given and not used: method is from_science",
    )
    assert abs(float(np.nanmedian(product.data))) < float(np.nanstd(product.data[:, 60:])) / 10


def test_every_note_of_the_stage_goes_to_the_log(night: Path, caplog: pytest.LogCaptureFixture) -> None:
    from iris_core import calibrate

    (rate,) = (one for one in night.glob("*_rate.fits") if "sky" not in one.name)
    skies = [read_fits(path) for path in sorted(night.glob("*sky*_rate.fits"))]
    caplog.set_level(logging.INFO, "iris_core")
    products = calibrate(
        read_fits(rate), "image2", backgrounds=skies, references={"store": night / "references"}, save=("background",)
    )
    assert notes(products["bsub"])
    for note in notes(products["bsub"]):
        assert f"{rate.name}: background: {note}" in caplog.messages
