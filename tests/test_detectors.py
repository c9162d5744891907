"""The four detectors of IRIS: one exposure is one run, with references, WCS and products for each detector."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from iris_core import read_fits
from iris_core.cli import main

pytest.importorskip("iris_simulate")
pytest.importorskip("iris_asn")

pytestmark = pytest.mark.slow

DETECTORS = ("IMG1", "IMG2", "IMG3", "IMG4")


def iris(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a night with one exposure of four detectors, and a store with the references of all."""
    night = tmp_path_factory.mktemp("night")
    for seed, detector in enumerate(DETECTORS):
        size = ("--size", 128, "--stars", 2, "--seed", seed)
        assert iris("simulate", "--detector", detector, *size, "--out", night / detector).exit_code == 0
        for path in (night / detector).glob("*_rate.fits"):
            path.rename(night / path.name)
    references = sorted(night.glob("*/references/*"))
    assert iris("references", "add", *references, "--store", night / "store").exit_code == 0
    return night


def run(night: Path, out: Path, *files: object) -> dict[str, Any]:
    done = iris("run", "image2", *files, "--reference", f"store={night / 'store'}", "--output-dir", out, "--json")
    report: dict[str, Any] = json.loads(done.stdout)
    return {"exit_code": done.exit_code, **report}


def test_four_files_and_one_association_give_the_same_four_records_and_products(
    simulated: Path, tmp_path: Path
) -> None:
    files = sorted(simulated.glob("*_rate.fits"))
    asn = simulated / "exposure.json"
    assert iris("asn", *files, "-o", asn, "--overwrite").exit_code == 0
    as_files, as_one = run(simulated, tmp_path / "files", *files), run(simulated, tmp_path / "one", asn)
    assert as_files["exit_code"] == as_one["exit_code"] == 0
    for report in (as_files, as_one):
        assert [Path(one["path"]).name.split("_")[1] for one in report["exposures"]] == list(DETECTORS)
    for first, second in zip(sorted(tmp_path.glob("files/*.fits")), sorted(tmp_path.glob("one/*.fits")), strict=True):
        assert first.name == second.name
        one, other = read_fits(first), read_fits(second)
        assert one.data.tobytes() == other.data.tobytes()
        assert one.wcs is not None


def test_each_detector_has_its_own_references_and_its_own_place_on_the_sky(simulated: Path, tmp_path: Path) -> None:
    run(simulated, tmp_path, *sorted(simulated.glob("*_rate.fits")))
    places = {}
    for detector in DETECTORS:
        (path,) = tmp_path.glob(f"*_{detector}_*_cal.fits")
        cal = read_fits(path)
        used = {one.reftype: Path(one.path).name for record in cal.history for one in record.references}
        assert set(used) == {"dark", "flat", "photom", "area", "distortion"}
        assert {name.split("_")[1] for name in used.values()} == {detector}
        assert cal.header["R_DARK"] == used["dark"]
        assert cal.meta.detector == detector
        assert cal.wcs is not None
        places[detector] = cal.wcs.pixel_to_world_values(64, 64)
    assert len({tuple(map(float, place)) for place in places.values()}) == 4


def test_a_detector_without_its_dark_fails_alone(simulated: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    others = [path for path in simulated.glob("*/references/*") if "IMG3_DARK" not in path.name]
    assert iris("references", "add", *others, "--store", store).exit_code == 0
    files = sorted(simulated.glob("*_rate.fits"))
    done = iris("run", "image2", *files, "--reference", f"store={store}", "--output-dir", tmp_path / "out", "--json")
    assert done.exit_code == 1
    records = json.loads(done.stdout)["exposures"]
    failed = [one for one in records if one["error"]]
    assert [Path(one["path"]).name.split("_")[1] for one in failed] == ["IMG3"]
    assert "dark_current needs a dark reference" in failed[0]["error"]
    assert len(list((tmp_path / "out").glob("*_i2d.fits"))) == 3
