"""Where the files are that a product was made of: beside it, in folders that are named, under another name."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest
from iris_testkit import make_exposure
from iris_verify import Hashes, Ingredient, Record, Search, files_under, written_name
from iris_verify._files import named_files

from iris_core import InputError, write_asdf, write_fits


def put(path: Path, content: bytes = b"a") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def science(name: str, content: bytes = b"a") -> Ingredient:
    return Ingredient("science", name, sha256(content).hexdigest())


def find(record: Record, ingredient: Ingredient, *folders: Path) -> tuple[Path | None, list[Path]]:
    with Hashes() as hashes:
        return Search(folders, hashes).find(record, ingredient)


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return Record(put(tmp_path / "out" / "x_cal.fits", b"product"), "f" * 64)


def test_the_file_beside_the_product_goes_first(record: Record, tmp_path: Path) -> None:
    beside, other = put(tmp_path / "out" / "x.fits"), put(tmp_path / "raw" / "x.fits")
    assert find(record, science("x.fits"), tmp_path / "raw") == (beside, [])
    beside.write_bytes(b"edited")
    assert find(record, science("x.fits"), tmp_path / "raw") == (other, [])


def test_all_that_only_bear_the_name_are_told(record: Record, tmp_path: Path) -> None:
    paths = [put(tmp_path / name / "x.fits", b"other") for name in ("out", "raw/old", "raw")]
    assert find(record, science("x.fits"), tmp_path / "raw") == (None, paths)


def test_a_renamed_file_is_found_and_not_the_one_that_took_its_name(record: Record, tmp_path: Path) -> None:
    put(tmp_path / "raw" / "x.fits", b"another one")
    renamed = put(tmp_path / "raw" / "x_old.fits.gz")
    assert find(record, science("x.fits"), tmp_path / "raw") == (renamed, [])


def test_a_file_of_which_only_the_hash_was_kept_is_found(record: Record, tmp_path: Path) -> None:
    path = put(tmp_path / "references" / "any_name.asdf")
    assert find(record, science(""), tmp_path / "references") == (path, [])
    assert find(record, science("", b"b"), tmp_path / "references") == (None, [])


def test_only_files_of_the_same_kind_may_be_a_renamed_one(record: Record, tmp_path: Path) -> None:
    """A plugin is no image: a large archive is not read to find one."""
    put(tmp_path / "raw" / "notes.txt")
    assert find(record, science("x.fits"), tmp_path / "raw") == (None, [])
    plugin = put(tmp_path / "raw" / "mine.py")
    with Hashes() as hashes:
        search = Search([tmp_path / "raw"], hashes)
        assert search.find(record, science("halves.py")) == (plugin, [])
        assert list(hashes._known) == [plugin]


def test_hidden_files_are_in_no_folder(record: Record, tmp_path: Path) -> None:
    put(tmp_path / "raw" / ".trash" / "x.fits")
    put(tmp_path / "raw" / ".x.fits")
    assert find(record, science("x.fits"), tmp_path / "raw") == (None, [])


def test_files_are_those_of_products_or_all(tmp_path: Path) -> None:
    names = ["a.fits", "b.fits.gz", "c.asdf", "d.ecsv", "e/f.fit", "g.txt", "h.py"]
    paths = [put(tmp_path / name) for name in names]
    (tmp_path / "folder.fits").mkdir()
    assert files_under(tmp_path) == paths[:5]
    assert files_under(tmp_path, every=True) == paths


def test_a_file_that_is_named_twice_is_one(tmp_path: Path) -> None:
    path, other = put(tmp_path / "b.txt"), put(tmp_path / "a.fits")
    assert named_files([path, tmp_path, other, path]) == [path, other]
    with pytest.raises(InputError, match=r"c\.fits"):
        named_files([tmp_path / "c.fits"])


def test_each_file_is_hashed_once_and_one_that_cannot_be_read_has_no_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import iris_verify._hashes as module

    read = list[Path]()
    own = module.sha256_of
    monkeypatch.setattr(module, "sha256_of", lambda path: (read.append(path), own(path))[1])
    path = put(tmp_path / "a.fits")
    with Hashes() as hashes:
        hashes.begin(path)
        assert [hashes.of(path), hashes.of(path)] == [sha256(b"a").hexdigest()] * 2
        assert hashes.of(tmp_path / "none.fits") == ""
    assert read == [path, tmp_path / "none.fits"]


@pytest.mark.parametrize("suffix", [".fits", ".asdf"])
def test_the_name_that_a_product_was_written_under_is_in_it(suffix: str, tmp_path: Path) -> None:
    cards = {"FILENAME": ("x_cal" + suffix, ""), "IRISKEY": ("0" * 64, "")}
    path = tmp_path / f"renamed{suffix}"
    (write_asdf if suffix == ".asdf" else write_fits)(make_exposure((4, 4)).with_keywords(cards), path)
    assert written_name(path) == f"x_cal{suffix}"
    assert written_name(put(tmp_path / "other.fits", b"FILENAME= 'x.fits'")) == ""


def test_what_is_found_what_has_changed_and_what_is_missing_is_told_apart(record: Record, tmp_path: Path) -> None:
    same, other = put(tmp_path / "raw" / "a.fits"), put(tmp_path / "raw" / "b.fits", b"other")
    ingredients = [science("a.fits"), science("b.fits", b"b"), science("c.fits", b"c")]
    with Hashes() as hashes:
        located = Search([tmp_path / "raw"], hashes).locate(record, ingredients)
    assert located.found == {ingredients[0]: same}
    assert located.missing == ingredients[2:]
    (words,) = located.changed
    assert "b.fits" in words
    assert str(other) in words
