"""SHA256SUMS: what sha256sum reads, whole whatever runs beside, and only of what is there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from iris_verify import add_sums, read_sums
from iris_verify._sums import SUMS, unlisted

from iris_core import FileHash, state_of

NAMES = ["x_cal.fits", "a name.fits", "back\\slash.fits", "two\nlines.fits", "Größe.fits"]


def write(folder: Path, *names: str) -> list[Path]:
    for name in names:
        (folder / name).write_bytes(name.encode())
    return [folder / name for name in names]


def expected(*names: str) -> dict[str, str]:
    return {name: sha256(name.encode()).hexdigest() for name in names}


def test_a_run_lists_all_its_products_with_names_relative_to_the_folder(made: SimpleNamespace) -> None:
    assert read_sums(made.out) == {path.name: sha256(path.read_bytes()).hexdigest() for path in made.paths}
    assert not (made.night.raw / SUMS).exists()


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="there is no sha256sum")
def test_sha256sum_reads_what_runs_write_and_sees_damage(made: SimpleNamespace) -> None:
    def checked() -> subprocess.CompletedProcess[str]:
        return subprocess.run(["sha256sum", "-c", "--strict", SUMS], cwd=made.out, capture_output=True, text=True)

    assert checked().returncode == 0
    (made.out / "c_cal.asdf").write_bytes(b"another")
    assert "c_cal.asdf: FAILED" in checked().stdout


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="there is no sha256sum")
def test_odd_names_are_read_back_here_and_there(tmp_path: Path) -> None:
    assert add_sums(write(tmp_path, *NAMES))[0] == len(NAMES)
    assert read_sums(tmp_path) == expected(*NAMES)
    subprocess.run(["sha256sum", "-c", "--strict", "--quiet", SUMS], cwd=tmp_path, check=True)


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="there is no sha256sum")
def test_what_sha256sum_has_written_is_read(tmp_path: Path) -> None:
    write(tmp_path, *NAMES)
    for option in ("--text", "--binary"):
        done = subprocess.run(["sha256sum", option, *NAMES], cwd=tmp_path, capture_output=True, check=True)
        (tmp_path / SUMS).write_bytes(b"# of 2026\n" + done.stdout)
        assert read_sums(tmp_path) == expected(*NAMES)


def test_others_stay_and_what_is_replaced_gets_its_new_sum(tmp_path: Path) -> None:
    one, other = write(tmp_path, "a.fits", "b.fits")
    add_sums([one, other])
    one.write_bytes(b"b.fits")
    add_sums([one, tmp_path / "none.fits"])
    assert read_sums(tmp_path) == {"a.fits": sha256(b"b.fits").hexdigest(), **expected("b.fits")}


def test_a_product_that_is_made_again_is_listed_anew_and_a_kept_one_stays(night: Any) -> None:
    night.run()
    before = read_sums(night.out)
    night.write_flat(3.0)
    night.run(night.files[0], overwrite=True)
    after = read_sums(night.out)
    assert {name for name in before if before[name] != after[name]} == {"a_cal.fits", "a_cat.ecsv", "a_segm.fits"}
    (night.out / SUMS).unlink()
    assert night.run(night.files[0], resume=True).results[0].kept
    assert read_sums(night.out) == {name: one for name, one in after.items() if name.startswith("a_")}


def test_of_kept_products_only_the_unlisted_are_hashed(tmp_path: Path) -> None:
    one, other = write(tmp_path, "a.fits", "b.fits")
    add_sums([one])
    assert unlisted([one, other]) == [other]


def test_what_a_run_has_written_before_it_was_killed_is_listed_when_it_is_kept(
    night: Any, caplog: pytest.LogCaptureFixture
) -> None:
    (product, *_) = night.run(night.files[0]).products
    sums = product.parent / SUMS
    sums.write_text(sums.read_text().replace(read_sums(product.parent)[product.name], "0" * 64))
    os.utime(sums, ns=(0, product.stat().st_mtime_ns - 1))
    assert night.run(night.files[0], resume=True).results[0].kept
    assert read_sums(product.parent)[product.name] == sha256(product.read_bytes()).hexdigest()
    assert f"{product} was written after SHA256SUMS" in caplog.text


def test_threads_and_processes_that_write_at_a_time_lose_no_line(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from iris_verify import add_sums\n"
        "for name in sys.argv[2:]: add_sums([Path(sys.argv[1]) / name])"
    )
    groups = [[f"{group}{number}.fits" for number in range(15)] for group in "abcd"]
    for names in groups:
        write(tmp_path, *names)
    started = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), *names]) for names in groups[:2]]
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda name: add_sums([tmp_path / name]), [*groups[2], *groups[3]]))
    assert [one.wait() for one in started] == [0, 0]
    assert read_sums(tmp_path) == expected(*(name for names in groups for name in names))


def test_what_another_run_replaces_meanwhile_is_not_listed_wrongly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import iris_verify._sums as module

    (path,) = write(tmp_path, "a.fits")

    def hashed_then_replaced(path: Path) -> str:
        path.write_bytes(b"of another run")
        return "0" * 64

    monkeypatch.setattr(module, "sha256_of", hashed_then_replaced)
    add_sums([path])
    assert read_sums(tmp_path) == {}


def test_hashes_that_the_run_has_computed_are_not_computed_again(night: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import iris_verify._sums as module

    monkeypatch.setattr(module, "sha256_of", lambda path: pytest.fail(f"{path} was hashed"))
    report = night.run(night.files[0])
    assert read_sums(night.out) == {path.name: sha256(path.read_bytes()).hexdigest() for path in report.products}


def test_a_hash_of_another_state_of_a_file_is_computed_again(tmp_path: Path) -> None:
    (path,) = write(tmp_path, "a.fits")
    add_sums([path], {path: FileHash("0" * 64, (*state_of(path)[:-1], 0))})
    assert read_sums(tmp_path) == expected("a.fits")
