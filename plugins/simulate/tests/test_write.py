"""A written set can be read by anybody, says what it is, and is the same each time."""

from __future__ import annotations

import json
from pathlib import Path

import asdf
import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.nddata import CCDData
from astropy.table import Table
from astropy.wcs import WCS
from iris_simulate import SimulatedSet, WrittenSet, simulate, write_set

from iris_core import InputError, InstrumentMode, read_fits


def test_every_file_that_is_promised_is_there_and_no_other(written: WrittenSet) -> None:
    folder = written.truth.parent
    assert {path for path in folder.rglob("*") if path.is_file()} == set(written.paths)
    assert [path.name for path in written.science] == ["sim_IMG1_Kbb_0001_rate.fits", "sim_IMG1_Kbb_0002_rate.fits"]
    assert [path.name for path in written.backgrounds] == [f"sim_IMG1_Kbb_sky000{n}_rate.fits" for n in (1, 2)]
    assert written.inputs == written.associations


def test_the_same_set_gives_the_same_bytes(field: SimulatedSet, written: WrittenSet, tmp_path: Path) -> None:
    again = write_set(simulate(field.scene.spec, instrument=field.scene.camera.mode), tmp_path / "again")
    for one, other in zip(written.paths, again.paths, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name


def test_another_seed_gives_other_stars_and_pixels(mode: InstrumentMode) -> None:
    one, two = (simulate(instrument=mode, size=(64, 64), stars=1, seed=seed) for seed in (1, 2))
    assert one.truth()["flux"] != two.truth()["flux"]
    assert not np.array_equal(one.exposure().data, two.exposure().data)


def test_an_exposure_has_the_extensions_of_a_rate(written: WrittenSet, field: SimulatedSet) -> None:
    with fits.open(written.science[0]) as hdus:
        hdus.verify("exception")
        assert [hdu.name for hdu in hdus] == ["PRIMARY", "SCI", "ERR", "DQ", "VAR_POISSON", "VAR_RNOISE"]
        assert hdus["SCI"].data.dtype.newbyteorder("=") == np.float32
        assert hdus["DQ"].data.dtype.newbyteorder("=") == np.uint32
        assert np.array_equal(hdus["SCI"].data, field.exposure(0).data)
        total = hdus["VAR_POISSON"].data + hdus["VAR_RNOISE"].data
        np.testing.assert_allclose(hdus["ERR"].data, np.sqrt(total), rtol=1e-6)


def test_an_exposure_says_what_it_is(written: WrittenSet) -> None:
    header = fits.getheader(written.science[1])
    expected = {
        "TELESCOP": "TMT",
        "INSTRUME": "IRIS",
        "DETECTOR": "IMG1",
        "FILTER": "Kbb",
        "READMODE": "DEFAULT",
        "IMTYPE": "SCI",
        "EXPTIME": 100.0,
        "DATE-OBS": "2026-03-21T08:01:50.000",
        "DATALVL": 1,
        "SUBARRAY": "FULL",
        "SUBARRID": 0,
        "EXPNUM": 2,
        "FILENAME": written.science[1].name,
    }
    assert {key: header[key] for key in expected} == expected
    assert "SUBSTRT1" not in header
    assert "DATE" not in header
    assert fits.getheader(written.science[1], "SCI")["BUNIT"] == "electron/s"
    assert fits.getheader(written.backgrounds[0])["IMTYPE"] == "SKY"


def test_the_framework_reads_back_what_was_simulated(written: WrittenSet, field: SimulatedSet) -> None:
    read, made = read_fits(written.science[1]), field.exposure(1)
    assert np.array_equal(read.data, made.data)
    assert np.array_equal(read.dq, made.dq)
    assert read.unit == made.unit
    assert set(read.variance) == {"poisson", "rnoise"}
    assert read.meta.start_time == made.meta.start_time
    assert read.meta.filename == made.meta.filename


def test_other_tools_read_the_image_and_its_wcs(written: WrittenSet) -> None:
    image = CCDData.read(written.science[0], hdu="SCI", hdu_uncertainty="ERR", hdu_mask=None, hdu_flags=None)
    assert image.unit == u.electron / u.s
    assert image.wcs.wcs.ctype[0] == "RA---TAN"
    assert WCS(fits.getheader(written.science[0], "SCI")).proj_plane_pixel_scales()[0].to_value("mas") == pytest.approx(
        4
    )


def test_references_say_what_they_are_for(written: WrittenSet) -> None:
    headers = {name: dict(fits.getheader(written.references[name])) for name in ("dark", "flat", "area")}
    headers["photom"] = Table.read(written.references["photom"], format="ascii.ecsv").meta
    with asdf.open(written.references["distortion"]) as file:
        headers["distortion"] = dict(file["meta"])
    for reftype, header in headers.items():
        assert header["REFTYPE"] == reftype
        assert (header["INSTRUME"], header["DETECTOR"]) == ("IRIS", "IMG1")
        assert (header["PEDIGREE"], header["AUTHOR"]) == ("SIMULATED", "iris-simulate")
        assert header["USEAFTER"] < "2026"
        assert header["DESCRIP"]
    assert headers["dark"]["READMODE"] == "DEFAULT"
    assert [headers[name]["FILTER"] for name in ("dark", "flat", "distortion")] == ["ANY", "Kbb", "Kbb"]
    assert fits.getheader(written.references["dark"], "SCI")["BUNIT"] == "electron/s"


def test_reference_images_have_the_planes_they_need(written: WrittenSet) -> None:
    for name, extensions in {"dark": ["SCI", "ERR", "DQ"], "flat": ["SCI", "ERR", "DQ"], "area": ["SCI", "DQ"]}.items():
        with fits.open(written.references[name]) as hdus:
            assert [hdu.name for hdu in hdus[1:]] == extensions


def test_the_photom_table_has_one_row_for_each_filter(written: WrittenSet, field: SimulatedSet) -> None:
    table = Table.read(written.references["photom"], format="ascii.ecsv")
    row = table[table["filter"] == "Kbb"]
    assert len(row) == 1
    camera = field.scene.camera
    assert u.Unit(table["photmjsr"].unit) == u.MJy / u.sr / (u.electron / u.s)
    assert row["photmjsr"][0] == pytest.approx(1e-6 / camera.electrons_per_jy / camera.solid_angle)
    assert row["uncertainty"][0] == pytest.approx(0.01 * row["photmjsr"][0])
    assert (row["pixar_sr"][0] * u.sr).to_value("arcsec2") == pytest.approx(row["pixar_a2"][0])
    assert len(table) == len(camera.mode.filters)


def test_the_distortion_model_survives_the_file_with_its_inverse(written: WrittenSet, field: SimulatedSet) -> None:
    with asdf.open(written.references["distortion"], lazy_load=False, memmap=False) as file:
        model = file["model"]
    x, y = field.scene.positions(0)
    np.testing.assert_allclose(model(x, y), field.scene.camera.optics.to_focal(x, y), atol=1e-12)
    np.testing.assert_allclose(model.inverse(*model(x, y)), (x, y), atol=1e-4)


def test_the_truth_gives_each_star_on_the_sky_and_in_each_exposure(written: WrittenSet, field: SimulatedSet) -> None:
    truth = Table.read(written.truth, format="ascii.ecsv")
    assert truth.colnames == ["id", "ra", "dec", "flux", "x_0001", "y_0001", "x_0002", "y_0002"]
    assert [str(truth[name].unit) for name in ("ra", "flux", "x_0001")] == ["deg", "Jy", "pix"]
    np.testing.assert_allclose((truth["x_0002"], truth["y_0002"]), field.scene.positions(1), rtol=1e-12)
    assert truth.meta["parameters"]["seed"] == 7


def test_an_association_brings_a_science_exposure_together_with_all_backgrounds(written: WrittenSet) -> None:
    content = json.loads(written.associations[1].read_text())
    (product,) = content["products"]
    assert product["name"] == "sim_IMG1_Kbb_0002"
    assert [(member["expname"], member["exptype"]) for member in product["members"]] == [
        ("sim_IMG1_Kbb_0002_rate.fits", "science"),
        ("sim_IMG1_Kbb_sky0001_rate.fits", "background"),
        ("sim_IMG1_Kbb_sky0002_rate.fits", "background"),
    ]


def test_nothing_is_overwritten_unless_that_is_allowed(mode: InstrumentMode, tmp_path: Path) -> None:
    made = simulate(instrument=mode, size=(32, 32), stars=0)
    first = write_set(made, tmp_path)
    before = first.truth.stat().st_mtime_ns
    first.science[0].unlink()
    with pytest.raises(InputError, match=r"and 5 more files would be overwritten"):
        write_set(made, tmp_path)
    assert not first.science[0].exists()
    assert first.truth.stat().st_mtime_ns == before
    write_set(made, tmp_path, overwrite=True)
    assert first.science[0].exists()


def test_a_set_without_backgrounds_has_no_associations(mode: InstrumentMode, tmp_path: Path) -> None:
    written = write_set(simulate(instrument=mode, size=(32, 32), stars=0), tmp_path)
    assert written.associations == ()
    assert written.inputs == written.science


def test_integrations_make_a_rateints_file(mode: InstrumentMode, tmp_path: Path) -> None:
    written = write_set(simulate(instrument=mode, size=(48, 32), stars=0, integrations=3), tmp_path)
    assert written.science[0].name == "sim_IMG1_Kbb_0001_rateints.fits"
    with fits.open(written.science[0]) as hdus:
        assert {hdu.shape for hdu in hdus[1:]} == {(3, 32, 48)}


def test_progress_is_told_of_each_file(mode: InstrumentMode, tmp_path: Path) -> None:
    seen: list[tuple[Path, int, int]] = []
    made = simulate(instrument=mode, size=(48, 48), stars=0, subarrays=2, dithers=2)
    written = write_set(made, tmp_path, progress=lambda *told: seen.append(told))
    assert tuple(path for path, _, _ in seen) == written.paths
    assert [number for _, number, _ in seen] == list(range(1, len(written.paths) + 1))
    assert {total for _, _, total in seen} == {len(written.paths)}


def test_a_failed_write_leaves_no_file_behind(mode: InstrumentMode, tmp_path: Path) -> None:
    def stop(path: Path, number: int, total: int) -> None:
        if path.suffix == ".asdf":
            path.mkdir()

    made = simulate(instrument=mode, size=(32, 32), stars=0)
    with pytest.raises(InputError, match=r"\.asdf exists"):
        write_set(made, tmp_path, progress=stop)
    assert not list(tmp_path.rglob(".*"))
    assert [path.is_dir() for path in tmp_path.rglob("*.asdf")] == [True]
