"""`iris asn` from the command line, and the run of what it writes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from iris_testkit import make_exposure

from iris_core import write_fits
from iris_core.cli import main

HEADER = {"TELESCOP": "TMT", "INSTRUME": "IRIS", "DETECTOR": "IMG1", "FILTER": "Kbb", "READMODE": "DEFAULT"}
RECIPE = "recipe: 1\nname: sky\nsteps:\n  - background: {save: cal}\n"


def iris(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)


def put(name: str, value: float, kind: str = "SCI", minute: int = 0, **keywords: str) -> Path:
    header = {**HEADER, "IMTYPE": kind, "DATE-OBS": f"2026-06-01T00:{minute:02}:00", "OBJECT": "M31", **keywords}
    path = Path(f"{name}_rate.fits")
    path.parent.mkdir(exist_ok=True)
    write_fits(make_exposure(value=value, header=header), path)
    return path


@pytest.fixture
def night(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Be in a folder with two detectors, skies of the first, and a dark."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "140")
    put("a", 12.0)
    put("b", 13.0, minute=4, DETECTOR="IMG2")
    for number in range(3):
        put(f"sky{number}", 5.0, "SKY", 10 - number, OBJECT="blank")
    put("dark", 0.1, "DARK")
    Path("sky.yaml").write_text(RECIPE)
    return tmp_path


def test_what_is_written_runs(night: Path) -> None:
    done = iris("asn", *sorted(night.glob("*.fits")), "-o", "n.json")
    assert done.exit_code == 0
    assert "dark_rate.fits: IMTYPE is DARK; image2 takes science, background" in done.stdout
    products = json.loads(Path("n.json").read_text())["products"]
    assert [product["name"] for product in products] == ["a", "b"]
    members = [member["expname"] for member in products[0]["members"]]
    assert members == ["a_rate.fits", "sky2_rate.fits", "sky1_rate.fits", "sky0_rate.fits"]
    done = iris("run", "sky.yaml", "n.json")
    assert done.exit_code == 0
    from iris_core import read_fits

    assert np.nanmedian(read_fits(Path("a_cal.fits")).data) == 7.0
    assert np.nanmedian(read_fits(Path("b_cal.fits")).data) == 13.0


def test_without_output_the_association_goes_to_standard_output_alone(night: Path) -> None:
    done = iris("asn", *night.glob("*.fits"), "--max-backgrounds", 1)
    (first, _) = json.loads(done.stdout)["products"]
    assert [member["expname"] for member in first["members"]] == ["a_rate.fits", "sky2_rate.fits"]
    assert "M31" in done.stderr
    assert "sky0_rate.fits: there are enough background exposures nearer in time" in done.stderr


def test_files_of_other_folders_need_an_option_at_the_run(night: Path) -> None:
    put("far/sky9", 4.0, "SKY")
    Path("here").mkdir()
    done = iris("asn", "a_rate.fits", "far/sky9_rate.fits", "-o", "here/n.json")
    assert "2 files are outside the folder of the association: iris run needs --allow-outside" in done.stdout
    done = iris("run", "sky.yaml", "here/n.json")
    assert done.exit_code == 1
    assert "--allow-outside allows it" in done.stderr
    assert iris("check", "sky.yaml", "here/n.json", "--allow-outside").exit_code == 0
    assert iris("run", "sky.yaml", "here/n.json", "--allow-outside").exit_code == 0
    assert Path("a_cal.fits").exists()


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["a_rate.fits", "no.fits", "no2.fits"], "no2.fits"),
        (["sky0_rate.fits"], "no science exposure is among the files"),
        (
            ["a_rate.fits", "--background", "b_rate.fits"],
            "--background b_rate.fits: a background exposure of IRIS",
        ),
        (["a_rate.fits", "-o", "n.txt"], "n.txt: an association file ends in .json"),
        (["a_rate.fits", "-o", "old.json"], "old.json exists; --overwrite replaces it"),
        (["a_rate.fits", "-o", "sky.yaml/n.json"], "sky.yaml/n.json: cannot be written: "),
    ],
)
def test_a_mistake_is_reported_and_nothing_is_written(night: Path, words: list[str], error: str) -> None:
    Path("old.json").write_text("old")
    done = iris("asn", *words)
    assert done.exit_code == 1
    assert error in done.stderr
    assert sorted(path.name for path in night.glob("*.json")) == ["old.json"]
    assert Path("old.json").read_text() == "old"


def test_a_folder_that_is_missing_is_made(night: Path) -> None:
    assert iris("asn", "a_rate.fits", "-o", "new/n.json").exit_code == 0
    assert json.loads(Path("new/n.json").read_text())["products"][0]["members"][0]["expname"] == "../a_rate.fits"


def test_two_exposures_of_one_name_are_refused(night: Path) -> None:
    put("far/a", 1.0)
    done = iris("asn", "a_rate.fits", "far/a_rate.fits", "-o", "n.json")
    assert done.exit_code == 1
    assert "products of the same name: a_rate.fits, far/a_rate.fits" in done.stderr
    assert not Path("n.json").exists()


def members(product: dict[str, object]) -> list[tuple[str, str]]:
    return [(member["expname"], member["exptype"]) for member in product["members"]]  # type: ignore[attr-defined]


def test_a_folder_is_grouped_for_a_recipe_of_many_exposures(night: Path) -> None:
    Path("stars.ecsv").write_text("ra dec")
    Path("broken_rate.fits").write_text("no FITS")
    write_fits(make_exposure(header={**HEADER, "IRISKEY": "1"}), night / "a_cal.fits")
    done = iris("asn", "--recipe", "image3", night, "--member", "RefCat=stars.ecsv", "-o", "asn/n.json")
    assert done.exit_code == 0, done.output
    content = json.loads(Path("asn/n.json").read_text())
    assert content["asn_type"] == "image3"
    (product,) = content["products"]
    assert product["name"] == "M31_Kbb"
    assert members(product) == [
        ("../a_rate.fits", "science"),
        ("../b_rate.fits", "science"),
        ("../sky2_rate.fits", "background"),
        ("../sky1_rate.fits", "background"),
        ("../sky0_rate.fits", "background"),
        ("../stars.ecsv", "refcat"),
    ]
    for left_out in ("dark_rate.fits: IMTYPE is DARK", "broken_rate.fits: ", "a_cal.fits: a product of a run"):
        assert left_out in done.stdout
    assert "6 files are outside the folder" in done.stdout


def test_the_objects_of_a_field_are_in_each_product_and_no_exposure(night: Path) -> None:
    """A mask may be a FITS image in the folder of the exposures."""
    write_fits(make_exposure(header=HEADER), night / "objects.fits")
    done = iris("asn", "--recipe", "image3", night, "--member", f"objects={night / 'objects.fits'}")
    assert done.exit_code == 0, done.output
    products = json.loads(done.stdout)["products"]
    for product in products:
        roles = dict(members(product))
        assert roles["objects.fits"] == "objects"
        assert [*roles.values()].count("objects") == 1


def test_a_file_that_is_named_is_taken_although_a_run_has_made_it(night: Path) -> None:
    write_fits(make_exposure(header={**HEADER, "IRISKEY": "1"}), night / "a_cal.fits")
    (product,) = json.loads(iris("asn", "--recipe", "image3", "a_cal.fits").stdout)["products"]
    assert members(product) == [("a_cal.fits", "science")]


def test_a_recipe_of_ones_own_is_grouped_like_another(night: Path) -> None:
    other = f"dark={night / 'sky0_rate.fits'}"
    content = json.loads(iris("asn", "--recipe", "my-dark", "--like", "create-dark", night, "--member", other).stdout)
    assert content["asn_type"] == "my-dark"
    (product,) = content["products"]
    assert members(product) == [("dark_rate.fits", "dark"), ("sky0_rate.fits", "dark")]


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--recipe", "image4", "."], "it is not known how exposures are grouped for the recipe 'image4'"),
        (["--recipe", "create-flat", "."], "no flat exposure is among the files"),
        (["--recipe", "create-dark", ".", "--member", "flat=a_rate.fits"], "a member 'flat': create-dark takes dark"),
        (["--recipe", "image3", ".", "--member", "refcat=no.ecsv"], "refcat: no.ecsv: no such file"),
        (["--recipe", "image3", ".", "--member", "refcat=a", "--member", "refcat=b"], "refcat: a, b; one file"),
        (["--recipe", "create-dark", ".", "--member", "objects=o.reg"], "objects: o.reg: no such file"),
        (["--recipe", "image3", "a_rate.fits", "no.fits"], "no.fits"),
    ],
)
def test_a_mistake_in_a_group_is_reported(night: Path, words: list[str], error: str) -> None:
    done = iris("asn", *words, "-o", "n.json")
    assert done.exit_code == 1
    assert error in done.stderr
    assert not Path("n.json").exists()


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--recipe", "image3", "a_rate.fits", "--max-backgrounds", 2], "--max-backgrounds"),
        (["--member", "a_rate.fits", "b_rate.fits"], "'a_rate.fits' is not ROLE=FILE"),
    ],
)
def test_a_mistake_in_the_options_is_a_usage_error(night: Path, words: list[str], error: str) -> None:
    done = iris("asn", *words)
    assert done.exit_code == 2
    assert error in done.stderr
