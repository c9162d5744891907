"""The files of a night: which, with which content, the same each time; and the command that writes them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import QTable, Table
from click.testing import CliRunner
from iris_simulate import Night, NightSpec, WrittenNight, simulate_night, write_night
from iris_simulate import _night_write as night_write
from iris_simulate._chip import Bad
from iris_simulate.cli import night as night_command
from iris_simulate.cli import simulate

from iris_core import DQ, InputError, InstrumentMode, calibrate, read_fits

COUNTS = {"darks": 1, "flats": 1, "twilights": 2, "dithers": 2}


@pytest.fixture(scope="module")
def night(mode: InstrumentMode) -> Night:
    return simulate_night(
        instrument=mode, filters=("Kbb", "Hbb"), detectors=2, size=(128, 96), stars=6, separation=5, defects=0.02,
        rays=10.0, galaxy=True, dither_step=0.05, **COUNTS,
    )  # fmt: skip


@pytest.fixture(scope="module")
def written(night: Night, tmp_path_factory: pytest.TempPathFactory) -> WrittenNight:
    return write_night(night, tmp_path_factory.mktemp("night"))


@pytest.fixture(scope="module")
def folder(written: WrittenNight) -> Path:
    return written.exposures[0].parent


def table(folder: Path, name: str) -> QTable:
    return QTable.read(folder / "truth" / f"{name}.ecsv", format="ascii.ecsv")


@pytest.mark.slow
def test_every_file_that_is_promised_is_there_and_no_other(written: WrittenNight, folder: Path) -> None:
    assert {path for path in folder.rglob("*") if path.is_file()} == set(written.paths)
    assert len(written.exposures) == 2 * (2 + 2 * (1 + 1 + 2 + 2))
    assert {path.name for path in written.references} == {
        f"IRIS_{name}_{kind}_20250101_0001.{suffix}"
        for name in ("IMG1", "IMG2")
        for kind, suffix in (("PHOTOM", "ecsv"), ("DISTORTION-Kbb", "asdf"), ("DISTORTION-Hbb", "asdf"))
    }


@pytest.mark.slow
def test_the_same_call_gives_the_same_bytes(night: Night, written: WrittenNight, tmp_path: Path) -> None:
    again = write_night(simulate_night(night.spec), tmp_path / "again")
    for one, other in zip(written.paths, again.paths, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name


def test_another_seed_gives_other_pixels(night: Night, mode: InstrumentMode) -> None:
    other = simulate_night(night.spec, instrument=mode, seed=1)
    one, two = (made.detector("IMG1").exposure(night.frames[0]).data for made in (night, other))
    assert not np.array_equal(one, two)


def test_exposures_have_the_extensions_of_a_rate_and_are_read_back(night: Night, written: WrittenNight) -> None:
    detector = night.detector("IMG1")
    for path, frame in zip(written.exposures, night.frames, strict=False):
        with fits.open(path) as hdus:
            hdus.verify("exception")
            assert [hdu.name for hdu in hdus] == ["PRIMARY", "SCI", "ERR", "DQ", "VAR_POISSON", "VAR_RNOISE"]
        made, found = detector.exposure(frame), read_fits(path)
        assert np.array_equal(found.data, made.data, equal_nan=True)
        assert np.array_equal(found.dq, made.dq)
        assert found.meta.start_time == made.meta.start_time
        assert found.meta.filename == path.name


def test_the_dark_truth_gives_the_rate_of_a_dark(night: Night, folder: Path) -> None:
    """DARK + GLOW NREADS COADDS / EXPTIME."""
    frame = next(one for one in night.frames if one.kind == "dark")
    with fits.open(folder / "truth" / "dark_IMG2.fits") as truth:
        rate = truth["DARK"].data + truth["GLOW"].data * 2 / frame.seconds
        assert (truth["DARK"].header["BUNIT"], truth["GLOW"].header["BUNIT"]) == ("electron/s", "electron")
        np.testing.assert_allclose(rate, night.detector("IMG2").rate(frame), rtol=1e-6)


def test_the_flat_truth_gives_the_rates_of_the_flats(night: Night, folder: Path) -> None:
    """FLAT x light + THERMAL + dark and glow, with the light of the table."""
    detector, exposures = night.detector("IMG1"), table(folder, "exposures_IMG1")
    with fits.open(folder / "truth" / "flat_IMG1_Kbb.fits") as truth:
        flat, thermal = truth["FLAT"].data, truth["THERMAL"].data
    for frame, row in zip(night.frames, exposures, strict=True):
        if frame.kind in ("lamp-on", "lamp-off") and frame.filter == "Kbb":
            rate = flat * row["light"].value + thermal + detector.chip.dark + detector.chip.glow * 0.2
            np.testing.assert_allclose(detector.rate(frame), rate, rtol=1e-5)


def test_the_table_of_exposures_names_files_kinds_and_levels(written: WrittenNight, night: Night, folder: Path) -> None:
    found = [table(folder, f"exposures_{name}") for name in night.detectors]
    assert [name for one in found for name in one["file"]] == [path.name for path in written.exposures]
    assert found[0]["light"].unit == u.electron / u.s
    assert found[0]["exptime"].unit == u.s
    assert set(found[0]["kind"]) == {"dark", "lamp-on", "lamp-off", "twilight", "science"}
    headers = [fits.getheader(folder / name) for name in found[0]["file"]]
    assert [header["DATE-OBS"] for header in headers] == list(found[0]["start"])
    assert [header["EXPNUM"] for header in headers] == list(found[0]["exposure"])


def test_the_list_of_bad_pixels_is_where_they_are(night: Night, folder: Path) -> None:
    found, chip = table(folder, "bad_pixels_IMG1"), night.detector("IMG1").chip
    assert len(found) == np.count_nonzero(chip.bad)
    y, x = (np.asarray(found[name].value, dtype=int) for name in "yx")
    assert [Bad[name].value for name in found["kind"]] == chip.bad[y, x].tolist()
    np.testing.assert_allclose(found["dark"].value, chip.dark[y, x])
    assert found["dark"].unit == u.electron / u.s
    assert set(found["dq"].tolist()) == {int(one) for one in (DQ.HOT, DQ.DEAD, DQ.LOW_QE, DQ.TELEGRAPH)}
    with fits.open(folder / "truth" / "flat_IMG1_Hbb.fits") as truth:
        assert np.array_equal(truth["DQ"].data[y, x], found["dq"])


def test_the_stars_are_in_a_table_with_units(night: Night, folder: Path) -> None:
    found = table(folder, "stars")
    assert found.colnames == ["id", "ra", "dec", "flux_Kbb", "flux_Hbb"]
    assert [found[name].unit for name in found.colnames[1:]] == [u.deg, u.deg, u.Jy, u.Jy]
    np.testing.assert_array_equal(found["flux_Hbb"].value, night.field.flux["Hbb"])
    assert found.meta["parameters"]["seed"] == 0
    assert found.meta["galaxy"]["flux_jy"].keys() == {"Kbb", "Hbb"}
    assert "galaxy" not in table(folder, "twilight_stars").meta


def test_the_positions_are_those_of_the_stars_on_each_detector(night: Night, folder: Path) -> None:
    found, stars = table(folder, "positions_IMG2"), table(folder, "stars")
    detector = night.detector("IMG2")
    for frame in [one for one in night.frames if one.kind == "science"]:
        rows = found[found["exposure"] == frame.number]
        optics = detector.cameras[frame.filter].optics
        ra, dec = frame.pointing.to_sky(*optics.to_focal(rows["x"].value, rows["y"].value))
        np.testing.assert_allclose(ra, stars["ra"][rows["star"] - 1].value, atol=1e-10)
        np.testing.assert_allclose(dec, stars["dec"][rows["star"] - 1].value, atol=1e-10)


def test_the_rays_are_in_a_table(night: Night, folder: Path) -> None:
    found, detector = table(folder, "rays_IMG1"), night.detector("IMG1")
    for frame in night.frames:
        rows = found[found["exposure"] == frame.number]
        np.testing.assert_array_equal(rows["electrons"].to_value("electron"), detector.rays(frame).electrons)


@pytest.mark.slow
def test_a_science_exposure_is_calibrated_with_the_truth_and_its_wcs_puts_the_stars_in_place(
    mode: InstrumentMode, tmp_path: Path
) -> None:
    """Distorted: the distortion reference of the night makes the gWCS that gives back the catalogue, to 0.01 mas."""
    made = simulate_night(
        instrument=mode, filters=("Kbb",), size=(256, 256), stars=20, dithers=2, darks=0, flats=0, twilights=0
    )
    files = write_night(made, tmp_path)
    recipe = tmp_path / "wcs.yaml"
    recipe.write_text("recipe: 1\nname: wcs\nsteps:\n  - assign_wcs: {save: wcs}\n")
    compared = 0
    for name in made.detectors:
        detector = made.detector(name)
        for frame in made.frames:
            path = next(one for one in files.exposures if one.name.startswith(f"sim_{frame.number:04d}_{name}"))
            exposure = calibrate(read_fits(path), recipe, references={"store": tmp_path / "references"})["wcs"]
            which, x, y = detector.positions(frame)
            assert exposure.wcs is not None
            ra, dec = exposure.wcs(x, y)
            np.testing.assert_allclose((ra - made.field.ra[which]) * 3.6e6, 0, atol=0.01)
            np.testing.assert_allclose((dec - made.field.dec[which]) * 3.6e6, 0, atol=0.01)
            compared += len(which)
    assert compared >= 5


def test_what_exists_is_kept_unless_it_may_be_replaced(night: Night, written: WrittenNight, folder: Path) -> None:
    before = written.exposures[3].stat().st_mtime_ns
    with pytest.raises(InputError, match=r"and \d+ more files would be overwritten"):
        write_night(night, folder)
    assert written.exposures[3].stat().st_mtime_ns == before


def test_a_disk_that_is_too_small_is_refused_before_anything_is_written(
    mode: InstrumentMode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = type("Usage", (), {"free": 10**6})
    monkeypatch.setattr(night_write.shutil, "disk_usage", lambda _folder: full)
    with pytest.raises(InputError, match=r"the night takes 0\.\d GB"):
        write_night(simulate_night(instrument=mode, size=(128, 128), stars=0, galaxy=False), tmp_path / "new" / "raw")
    assert not list(tmp_path.iterdir())


def test_progress_counts_every_file(mode: InstrumentMode, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    made = simulate_night(instrument=mode, size=(32, 32), stars=0, detectors=1, **COUNTS)
    files = write_night(made, tmp_path, progress=lambda _path, number, total: seen.append((number, total)))
    assert seen == [(number, len(files.paths)) for number in range(1, len(files.paths) + 1)]


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_exposures(tmp_path: Path) -> None:
    """One exposure is made at a time: eight of 1024 x 1024 pixels take what two take, within 20 %."""
    code = (
        "import sys, resource; from pathlib import Path; from iris_simulate import simulate_night, write_night; "
        "given = {'size': (1024, 1024), 'detectors': 1, 'flats': 0, 'twilights': 0, 'dithers': 0}; "
        "write_night(simulate_night(darks=int(sys.argv[1]), **given), Path(sys.argv[2])); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    peaks = []
    for number in (1, 4):
        command = [sys.executable, "-c", code, str(number), str(tmp_path / str(number))]
        peaks.append(int(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    assert peaks[1] < 1.2 * peaks[0]


def test_the_command_writes_a_night(tmp_path: Path) -> None:
    words = ["night", "--filters", "Kbb,Hbb", "--detectors", "2", "--dithers", "1", "--size", "48x32", "--stars", "0",
             "--darks", "1", "--flats", "1", "--twilights", "1", "--out", str(tmp_path / "raw")]  # fmt: skip
    result = CliRunner().invoke(simulate, words, catch_exceptions=False)
    assert result.exit_code == 0
    assert "20 exposures of IMG1, IMG2" in result.output
    assert len(list((tmp_path / "raw").glob("*_rate.fits"))) == 20
    assert fits.getdata(next((tmp_path / "raw").glob("*.fits")), "SCI").shape == (32, 48)
    assert len(Table.read(tmp_path / "raw" / "truth" / "exposures_IMG2.ecsv", format="ascii.ecsv")) == 10


def test_detectors_may_be_named(tmp_path: Path) -> None:
    words = ["--detectors", "IMG4,IMG2", "--size", "32", "--stars", "0", "--darks", "1", "--flats", "0"]
    more = ["--twilights", "0", "--dithers", "0", "--out", str(tmp_path)]
    assert CliRunner().invoke(night_command, [*words, *more], catch_exceptions=False).exit_code == 0
    assert {path.name.split("_")[2] for path in tmp_path.glob("*.fits")} == {"IMG2", "IMG4"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["night"], "Missing option '--out'"),
        (["night", "--out", "x", "--filters", "Kbb,"], "'Kbb,' is not a list of names such as Kbb,Hbb"),
        (["night", "--out", "x", "--reads", "3"], "--reads: Input should be a multiple of 2"),
        (["--size", "64", "night", "--out", "x"], "the options of 'night' stand behind its name"),
        (["nigt"], "No such command 'nigt'"),
        ([], "Missing option '--out'"),
    ],
)
def test_a_wrong_call_is_named(words: list[str], message: str) -> None:
    result = CliRunner().invoke(simulate, words)
    assert result.exit_code == 2
    assert message in result.output


@pytest.mark.parametrize("name", NightSpec.model_fields)
def test_every_parameter_is_an_option_with_its_description(name: str) -> None:
    option = next(one for one in night_command.params if one.name == name)
    assert f"--{name.replace('_', '-')}" in option.opts
    assert NightSpec.model_fields[name].description in str(option.help)
