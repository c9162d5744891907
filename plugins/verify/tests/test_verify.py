"""Damage, exchange and loss are found and named; what is whole is not accused."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from iris_verify import Hashes, Ingredient, Record, Search, Verdict, read_record, verify_files
from iris_verify._sums import SUMS

from iris_core import InputError, read_fits, records_of, sha256_of, write_fits


def problems(made: SimpleNamespace, *paths: Path) -> dict[str, list[str]]:
    verdicts = verify_files(paths or [made.out], made.search)
    return {one.path.name: list(one.problems) for one in verdicts if one.problems}


def flip(path: Path, bit: int) -> None:
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)


def flips(paths: list[Path], number: int, seed: int) -> list[tuple[Path, int]]:
    """Return files and bits in turn: every kind of product gets its share, whatever its size."""
    random = Random(seed)
    chosen = [paths[count % len(paths)] for count in range(number)]
    return [(path, random.randrange(8 * path.stat().st_size)) for path in chosen]


def of_file(verdicts: list[Verdict], path: Path) -> Verdict:
    (found,) = (one for one in verdicts if one.path == path)
    return found


def test_what_was_just_made_is_fine_and_all_is_found(made: SimpleNamespace) -> None:
    verdicts = verify_files([made.out], made.search)
    assert [one.path for one in verdicts] == made.paths
    assert not any(one.problems or one.notes or one.missing for one in verdicts)
    assert all(len(one.key) == 64 for one in verdicts)


@pytest.mark.parametrize("name", ["../x.fits", "/x.fits", "a/b", "..", ".", "a\0b"])
def test_a_product_cannot_send_the_search_to_another_folder(name: str) -> None:
    with pytest.raises(ValueError, match="no name of a file"):
        Ingredient("science", name, "0" * 64)


def test_a_product_whose_members_have_folders_is_damaged(made: SimpleNamespace) -> None:
    (path, *_) = (one for one in made.paths if one.name.endswith("cal.fits"))
    product = read_fits(path)
    members = [{**one, "file": f"../{one['file']}"} for one in product.provenance["members"]]
    write_fits(product.replace(provenance={**product.provenance, "members": members}), path)
    found = of_file(verify_files([path]), path)
    assert any("makes no sense" in one for one in found.problems)


def test_references_that_are_no_images_are_found_too(made: SimpleNamespace, tmp_path: Path) -> None:
    """Regions of objects are text; they are found by name and by hash as well."""
    region = tmp_path / "regions" / "objects.reg"
    region.parent.mkdir()
    region.write_text("circle(1, 2, 3)")
    with Hashes() as hashes:
        search = Search([region.parent], hashes)
        record = Record(made.paths[0], "")
        for name in ("objects.reg", "renamed.reg"):
            ingredient = Ingredient("objects", name, sha256_of(region), is_reference=True)
            assert search.find(record, ingredient) == (region, [])


def test_200_flipped_bits_are_all_found(made: SimpleNamespace) -> None:
    for path, bit in flips(made.paths, 200, seed=1):
        flip(path, bit)
        assert of_file(verify_files([path]), path).problems, f"bit {bit} of {path.name}"
        flip(path, bit)
    assert not problems(made)


def test_in_fits_they_are_found_by_its_own_sums(made: SimpleNamespace) -> None:
    (made.out / SUMS).unlink()
    for path, bit in flips([path for path in made.paths if path.suffix == ".fits"], 200, seed=2):
        flip(path, bit)
        assert of_file(verify_files([path]), path).problems, f"bit {bit} of {path.name}"
        flip(path, bit)


@pytest.mark.parametrize("hdu", ["SCI", "DQ", "VAR_POISSON"])
def test_damage_is_named_by_its_hdu(made: SimpleNamespace, hdu: str) -> None:
    from astropy.io import fits

    with fits.open(made.out / "a_cal.fits") as hdus:
        where = hdus[hdu].fileinfo()
    flip(made.out / "a_cal.fits", 8 * (where["datLoc"] + 100))
    found = problems(made)
    assert list(found) == ["a_cal.fits"]
    assert any("DATASUM" in one and f" {hdu} " in one for one in found["a_cal.fits"])


def test_the_blocks_of_asdf_have_sums_of_their_own(made: SimpleNamespace) -> None:
    (made.out / SUMS).unlink()
    path = made.out / "c_cal.asdf"
    start = path.read_bytes().index(b"\xd3BLK")
    flip(path, 8 * (start + 200))
    assert list(problems(made)) == ["c_cal.asdf"]


@pytest.mark.parametrize("name", ["a_cal.fits", "c_cal.asdf", "a_cat.ecsv"])
@pytest.mark.parametrize("part", [0.999, 0.5, 0.0])
def test_a_cut_file_is_found(made: SimpleNamespace, name: str, part: float) -> None:
    path = made.out / name
    path.write_bytes(path.read_bytes()[: int(part * path.stat().st_size)])
    assert list(problems(made)) == [name]


def test_a_reference_that_was_exchanged_is_named(made: SimpleNamespace) -> None:
    made.night.write_flat(2.5)
    found = problems(made, made.out / "a_cal.fits")
    assert "reference flat flat.fits has changed" in found["a_cal.fits"][0]


def test_so_is_an_exposure_beside_its_product(made: SimpleNamespace) -> None:
    shutil.copy(made.night.raw / "b_rate.fits", made.out / "a_rate.fits")
    found = {one.path.name: one.problems for one in verify_files([made.out]) if one.problems}
    assert found.keys() == {"a_cal.fits", "a_segm.fits"}
    assert all("a_rate.fits has changed" in one[0] for one in found.values())
    assert not problems(made), "the right one is under --search"


def test_under_another_name_an_input_is_found_by_its_hash(made: SimpleNamespace) -> None:
    made.night.flat.rename(made.night.flat.with_name("renamed.fits"))
    assert not any(one.missing or one.problems for one in verify_files([made.out], made.search))


def test_what_is_not_found_is_missing_and_no_problem(made: SimpleNamespace) -> None:
    (verdict,) = verify_files([made.out / "a_cal.fits"])
    assert not verdict.problems
    assert [(one.role, one.name) for one in verdict.missing] == [("science", "a_rate.fits"), ("flat", "flat.fits")]


@pytest.mark.parametrize("name", ["a_cal.fits", "c_cal.asdf", "a_cat.ecsv"])
def test_a_renamed_product_is_named_with_both_names(made: SimpleNamespace, name: str) -> None:
    path = (made.out / name).rename(made.out / f"best{Path(name).suffix}")
    assert path.name in problems(made)[name][0]
    verdict = of_file(verify_files([made.out], made.search), path)
    assert not verdict.problems
    assert f"it was written as {name}" in verdict.notes


@pytest.mark.parametrize(
    "change", [(b"file: a_rate", b"fixe: a_rate"), (b"role: science", b"rope: science"), (b"members:", b"nembers:")]
)
def test_a_record_that_makes_no_sense_is_a_problem_and_stops_nothing(
    made: SimpleNamespace, change: tuple[bytes, bytes]
) -> None:
    path = made.out / "a_cal.fits"
    whole = path.read_bytes()
    assert whole.count(change[0]) == 1
    path.write_bytes(whole.replace(*change))
    found = problems(made)
    assert list(found) == ["a_cal.fits"]
    assert any("DATASUM of ASDF" in one for one in found["a_cal.fits"])


def test_a_product_that_is_gone_is_named_and_only_for_a_folder(made: SimpleNamespace) -> None:
    (made.out / "a_cal.fits").unlink()
    assert "gone" in problems(made)["a_cal.fits"][0]
    assert not problems(made, made.out / "b_cal.fits")


def test_a_key_that_is_not_that_of_the_record_is_a_problem(made: SimpleNamespace) -> None:
    from astropy.io import fits

    path = made.out / "a_cal.fits"
    with fits.open(path, mode="update", checksum=True) as hdus:
        hdus[0].header["IRISKEY"] = "0" * 64
    assert any("IRISKEY" in one for one in problems(made)["a_cal.fits"])


def test_an_edited_header_is_a_problem(made: SimpleNamespace) -> None:
    path = made.out / "a_cal.fits"
    path.write_bytes(path.read_bytes().replace(b"'Kbb     '", b"'Hbb     '", 1))
    found = problems(made)["a_cal.fits"]
    assert any("CHECKSUM of the primary HDU" in one for one in found)
    assert any(SUMS in one for one in found)


def test_files_of_others_are_noted_and_only_their_damage_counts(made: SimpleNamespace) -> None:
    verdicts = verify_files([made.night.raw])
    assert all(not one.problems and one.notes == ("no product: it has no IRISKEY",) for one in verdicts)
    path = made.night.raw / "a_rate.fits"
    path.write_bytes(path.read_bytes()[:-3000])
    assert of_file(verify_files([made.night.raw]), path).problems


def test_exposures_that_were_left_out_are_part_of_the_key(night: Any, write_rate: Callable[..., Path]) -> None:
    bad = write_rate(night.raw / "bad_rate.fits", 6.0, OBJECT="bad")
    night.write_recipe("flat_field, mean: {save: true}", "missing: leave_out")
    (path,) = night.run(*night.files, bad).products
    assert [one["file"] for one in records_of(path)["provenance"]["left_out"]] == ["bad_rate.fits"]
    assert not any(one.problems for one in verify_files([night.out], night.search))
    assert night.run(*night.files, bad, resume=True).results[0].kept


def test_a_path_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        verify_files([tmp_path / "x.fits"])


def test_a_search_by_name_alone_hashes_no_file_of_another_name(made: SimpleNamespace, tmp_path: Path) -> None:
    record = read_record(made.out / "a_cal.fits")
    science = next(one for one in record.ingredients if one.role == "science")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(made.night.raw / science.name, elsewhere / "renamed.fits")
    with Hashes() as hashes:
        search = Search([elsewhere], hashes)
        assert search.find(record, science, renamed=False) == (None, [])
        assert not hashes._known
        assert search.find(record, science) == (elsewhere / "renamed.fits", [])
