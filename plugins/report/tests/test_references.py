"""Reference files: found by name and bytes, their age, and why they were chosen."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from iris_report._night import Product, find_night
from iris_report._references import UsedReference, UsedReferences, ages
from iris_verify import Hashes, Search


def first_product(clean: SimpleNamespace) -> Product:
    return find_night(clean.out, clean.out / "report").observations[0].main


def described(product: Product, *folders: Path) -> dict[str, UsedReference]:
    with Hashes() as hashes:
        found = UsedReferences(Search(folders, hashes)).of(product)
    return {one.reftype: one for one in found}


def test_each_reference_has_its_hash_its_age_and_what_it_shares_with_the_exposure(clean: SimpleNamespace) -> None:
    found = described(first_product(clean), clean.folder)
    assert set(found) == {"distortion", "dark", "flat", "photom", "area"}
    dark = found["dark"]
    assert dark.file == clean.dark.name
    assert len(dark.sha256) == 64
    assert dark.date == "2026-03-21T02:00:00"
    assert dark.age == pytest.approx(0.25, abs=0.01)
    assert dark.chosen == "by its header (folder): INSTRUME IRIS, DETECTOR IMG1, READMODE DEFAULT"


def test_an_age_is_that_of_exposures_and_not_from_when_on_a_file_applies(clean: SimpleNamespace) -> None:
    flat = described(first_product(clean), clean.folder)["flat"]
    assert flat.useafter.startswith("2025-01-01")
    assert flat.age is None
    assert flat.why_not == "the file has no DATE-OBS"


def test_a_file_that_is_not_found_has_no_age_and_says_so(clean: SimpleNamespace) -> None:
    dark = described(first_product(clean))["dark"]
    assert dark.age is None
    assert "--search" in dark.why_not
    assert dark.sha256


def test_another_file_of_the_same_name_is_not_taken_for_it(
    clean: SimpleNamespace, tmp_path: Path, lab: SimpleNamespace
) -> None:
    other = Path(shutil.copy(clean.dark, tmp_path))
    lab.set_cards(other, **{"DATE-OBS": lab.long_ago})
    product = first_product(clean)
    assert described(product, tmp_path)["dark"].age is None
    assert described(product, tmp_path, clean.folder)["dark"].age == pytest.approx(0.25, abs=0.01)


def test_a_reference_named_by_hand_is_called_so(clean: SimpleNamespace, tmp_path: Path, lab: SimpleNamespace) -> None:
    references = {"store": clean.references, "dark": clean.dark}
    lab.calibrate(clean, tmp_path / "out", clean.associations[0], references=references)
    product = find_night(tmp_path / "out", tmp_path).observations
    assert not product  # the folder of the report is passed over
    product = find_night(tmp_path / "out", tmp_path / "report").observations
    assert described(product[0].main, clean.folder)["dark"].chosen == "named by hand"


def test_the_exposure_itself_is_found_by_name_and_bytes(clean: SimpleNamespace, tmp_path: Path) -> None:
    observation = find_night(clean.out, clean.out / "report").observations[0]
    with Hashes() as hashes:
        assert UsedReferences(Search([clean.folder], hashes)).exposure(observation) == clean.folder / observation.file
        (tmp_path / observation.file).write_bytes(b"another")
        assert UsedReferences(Search([tmp_path], hashes)).exposure(observation) is None


def test_the_oldest_of_a_type_counts() -> None:
    def used(reftype: str, age: float | None) -> UsedReference:
        return UsedReference(reftype=reftype, file="x", sha256="", chosen="", age=age)

    found = dict(ages([used("dark", 1.0), used("dark", 3.0), used("flat", None), used("mask", 0.0)]))
    assert found == {"dark_age": 3.0, "mask_age": 0.0}
