"""Runs on a scheduler and three workers: the bits of the serial run, whatever happens to a worker."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from iris_core import Plugins, Problems, Report, check, run

pytestmark = pytest.mark.slow

Write = Callable[..., Any]


@pytest.fixture
def start(plugins: Plugins, stages: Path, write_recipe: Write, cluster: Any) -> Callable[..., Report]:
    """Return a function that runs a recipe over files on the cluster."""

    def begin(*files: Path, recipe: Path | None = None, executor: str = "dask", **options: Any) -> Report:
        recipe = recipe or write_recipe(
            "dark_current, flat_field", f"executor: {{name: dask, address: {cluster.address}}}"
        )
        return run(recipe, *files, executor=executor, plugin_files=[stages], plugins=plugins, **options)

    return begin


def sums(folder: Path) -> dict[str, str]:
    return {path.name: sha256(path.read_bytes()).hexdigest() for path in folder.iterdir() if path.suffix == ".fits"}


def processes(folder: Path) -> set[str]:
    return {path.suffix for path in folder.glob("*_rate.[0-9]*")}


def test_every_product_has_the_bytes_of_the_serial_run(
    start: Callable[..., Report], write_exposures: Write, tmp_path: Path, cluster: Any
) -> None:
    files = write_exposures(*["star"] * 12)
    alone = start(*files, executor="serial", directory=tmp_path / "alone")
    for path in tmp_path.glob("*_rate.[0-9]*"):
        path.unlink()
    told: list[str] = []
    together = start(*files[::-1], directory=tmp_path / "together", on_result=lambda result: told.append(result.name))
    assert [*alone.failed, *together.failed] == []
    assert len(sums(tmp_path / "alone")) == 12
    assert sums(tmp_path / "alone") == sums(tmp_path / "together")
    assert sorted(told) == [path.name for path in files]
    assert len(processes(tmp_path)) == 3
    assert cluster.left() == []


def test_relative_paths_are_those_of_the_run(
    start: Callable[..., Report], write_exposures: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The workers were started in another folder, and are in it again afterwards."""
    write_exposures("star")
    monkeypatch.chdir(tmp_path)
    report = start(Path("x00_rate.fits"), directory="out")
    assert not report.failed, report.failed
    assert len(sums(tmp_path / "out")) == 1


def test_of_twenty_exposures_two_fail_alone(start: Callable[..., Report], write_exposures: Write) -> None:
    files = write_exposures(*("bad" if at in (3, 11) else "star" for at in range(20)))
    report = start(*files)
    assert [result.name for result in report.failed] == ["x03_rate.fits", "x11_rate.fits"]
    assert len(report.products) == 18
    assert all("no luck" in result.error for result in report.failed)


def test_what_workers_log_is_in_the_log_of_the_run(
    start: Callable[..., Report], write_exposures: Write, caplog: pytest.LogCaptureFixture
) -> None:
    start(*write_exposures("star", "star"))
    logged = [record.getMessage() for record in caplog.records if record.name == "lab"]
    assert sorted(text.split()[0] for text in logged) == ["x00_rate.fits", "x01_rate.fits"]


def test_an_exposure_whose_worker_was_killed_is_calibrated_by_another(
    start: Callable[..., Report], write_exposures: Write, write_recipe: Write, tmp_path: Path, cluster: Any
) -> None:
    """It replaces the product that the first worker has written."""
    recipe = write_recipe(
        "dark_current: {save: dark}, flat_field: {save: cal}", f"executor: {{address: {cluster.address}}}"
    )
    files = write_exposures("star", "once", *["star"] * 6)
    report = start(*files, recipe=recipe)
    assert not report.failed, report.failed
    assert len(report.products) == 16
    assert (tmp_path / "x01_rate.died").exists()
    assert cluster.left() == []


def test_an_exposure_that_kills_its_workers_fails_alone_after_two(
    start: Callable[..., Report], write_exposures: Write, tmp_path: Path
) -> None:
    report = start(*write_exposures("star", "fatal", *["star"] * 6))
    (failed,) = report.failed
    assert failed.name == "x01_rate.fits"
    assert "crashed twice" in failed.error
    assert len(list(tmp_path.glob("x01_rate.[0-9]*"))) == 2
    assert len(report.products) == 7


def test_a_product_that_another_run_has_written_meanwhile_is_not_replaced(
    start: Callable[..., Report], write_exposures: Write, write_recipe: Write, tmp_path: Path, cluster: Any
) -> None:
    recipe = write_recipe(
        "dark_current: {save: dark}, flat_field: {save: cal}", f"executor: {{address: {cluster.address}}}"
    )
    (path,) = write_exposures("raced")
    theirs = path.read_bytes()
    path = path.rename(tmp_path / "x_rate.fits")
    report = start(path, recipe=recipe)
    assert len(report.failed) == 1
    assert (tmp_path / "x_dark.fits").read_bytes() == theirs


def test_many_exposures_are_made_into_one_with_the_same_bytes(
    start: Callable[..., Report], write_exposures: Write, write_recipe: Write, tmp_path: Path, cluster: Any
) -> None:
    steps = "dark_current, flat_field, level: {save: true}, mean: {save: true}"
    recipe = write_recipe(steps, f"executor: {{address: {cluster.address}, workers: 3}}")
    files = write_exposures(*["star"] * 7)
    start(*files, recipe=write_recipe(steps), executor="serial", directory=tmp_path / "alone")
    for path in tmp_path.glob("*_rate.[0-9]*"):
        path.unlink()
    recipe = write_recipe(steps, f"executor: {{address: {cluster.address}, workers: 3}}")
    report = start(*files, recipe=recipe, directory=tmp_path / "together")
    assert not report.failed, report.failed
    assert len(sums(tmp_path / "alone")) == 8
    assert sums(tmp_path / "alone") == sums(tmp_path / "together")
    assert len(processes(tmp_path)) > 1
    assert cluster.left() == []


def test_a_group_whose_worker_dies_fails_with_the_reason(
    start: Callable[..., Report], write_exposures: Write, write_recipe: Write, cluster: Any
) -> None:
    recipe = write_recipe("flat_field, mean: {save: true}", f"executor: {{address: {cluster.address}}}")
    (failed,) = start(*write_exposures("star", "fatal", "star"), recipe=recipe).failed
    assert "worker process" in failed.error
    assert "out of memory?" in failed.error


def test_a_key_that_dask_does_not_know_is_found_by_check(
    plugins: Plugins, stages: Path, write_recipe: Write, write_exposures: Write
) -> None:
    recipe = write_recipe("flat_field", "executor: {name: dask, adress: tcp://head:8786}")
    checked = check(recipe, *write_exposures("star"), plugins=plugins, plugin_files=[stages])
    (error,) = checked.errors
    for fact in ("line 4", "'adress'", "did you mean 'address'?", "patience"):
        assert fact in str(error)
    with pytest.raises(Problems, match="'adress'"):
        run(recipe, *write_exposures("star"), plugins=plugins, plugin_files=[stages])
