"""What a step did is written into history and header, and what made a product into its header."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from iris_testkit import make_exposure

from iris_core import (
    Exposure,
    Implementation,
    InputError,
    Params,
    Plugins,
    ReferenceUse,
    StageImplementation,
    StageSpec,
    Step,
    run,
)
from iris_core.io.hashing import HashedFiles, state_of
from iris_core.provenance import record_step, sha256_of
from iris_core.workers.identity import Identity
from iris_core.workers.written import stamp_product


class Numbers(Params):
    """Parameters with a number."""

    sigma: float = 3.0


def flat_step() -> Step:
    implementation = Implementation("lab-flat", "1.2", StageImplementation("flat_field"))
    return Step(
        spec=StageSpec(status="S_FLAT", name="flat_field", removes="flat"),
        implementation=implementation,
        params=Numbers(sigma=4),
    )


def use(reftype: str, path: str) -> ReferenceUse:
    return ReferenceUse(reftype=reftype, path=path, sha256="0" * 64, provider="by hand")


def test_a_step_that_ran_is_in_the_history_and_in_the_header() -> None:
    exposure = make_exposure(header={"A": 1}).note("of the stage")
    uses = (use("flat", "/calib/flat.fits"), use("distortion", "/calib/d.asdf"))
    recorded = record_step(
        flat_step(), exposure, notes=("one", "two"), references=uses, backgrounds=("sky.fits",), seconds=0.5
    )
    (record,) = recorded.history
    assert (record.stage, record.status, record.keyword) == ("flat_field", "COMPLETE", "S_FLAT")
    assert (record.plugin, record.version, record.params) == ("lab-flat", "1.2", {"sigma": 4.0})
    assert (record.notes, record.references, record.backgrounds) == (("one", "two"), uses, ("sky.fits",))
    assert record.seconds == 0.5
    header = recorded.header
    assert (header["S_FLAT"], header["R_FLAT"], header["R_DISTOR"]) == ("COMPLETE", "flat.fits", "d.asdf")
    assert list(header["HISTORY"]) == ["flat_field: one", "flat_field: two"]
    assert header["A"] == 1
    assert recorded.notes == ()
    assert "S_FLAT" not in exposure.header
    assert exposure.history == ()


def test_a_step_that_was_skipped_is_recorded_with_the_reason_and_nothing_else() -> None:
    exposure = make_exposure().note("of the framework")
    recorded = record_step(flat_step(), exposure, "no flat in the lab")
    (record,) = recorded.history
    assert (record.status, record.notes, record.references) == ("SKIPPED", ("no flat in the lab",), ())
    assert recorded.header["S_FLAT"] == "SKIPPED"
    assert recorded.header.comments["S_FLAT"] == "no flat in the lab"
    assert "no flat in the lab" in recorded.header["HISTORY"][0]
    assert (recorded.done, recorded.removed) == (frozenset(), {})
    assert recorded.notes == ("of the framework",)


def test_what_was_done_before_stays_complete_where_the_step_is_skipped() -> None:
    before = make_exposure(header={"S_FLAT": "COMPLETE"}).replace(done=frozenset({"flat_field"}))
    recorded = record_step(flat_step(), before, "done already")
    assert recorded.header["S_FLAT"] == "COMPLETE"
    assert recorded.history[0].status == "SKIPPED"


@pytest.mark.parametrize("text", ["nicht\nn\N{LATIN SMALL LETTER O WITH DIAERESIS}tig", "x" * 300])
def test_any_note_and_any_reason_can_stand_in_the_header(text: str) -> None:
    for recorded in (
        record_step(flat_step(), make_exposure(), text),
        record_step(flat_step(), make_exposure(), notes=(text,), references=(use("flat", text),)),
    ):
        assert recorded.header.tostring().isascii()
        assert text in recorded.history[0].notes


def test_a_product_gives_its_name_level_format_software_and_recipe() -> None:
    exposure = make_exposure(header={"FILENAME": "x_rate.fits"}).replace(provenance={"recipe": "image2"})
    identity = Identity({"format": [2, [".fits"]]}, [{"file": "x_rate.fits", "role": "science", "sha256": "0"}])
    header = stamp_product(exposure, Path("night/x_cal.fits"), identity).header
    assert (header["FILENAME"], header["DATALVL"], header["RECIPE"]) == ("x_cal.fits", 2, "image2")
    assert header["IRISKEY"] == identity.key
    assert len(identity.key) == 64
    assert (header["DRSVER"], header["DRSFMT"]) == (version("iris-nir"), 2)
    assert exposure.header["FILENAME"] == "x_rate.fits"


@pytest.mark.parametrize("ending", ["fits", "asdf"])
def test_the_products_of_a_run_carry_the_number_of_their_format(
    ending: str, lab: Callable[..., Plugins], write_recipe: Callable[..., Path], write_exposure: Callable[..., Path]
) -> None:
    def double(exposure: Exposure) -> Exposure:
        return exposure.scale(2)

    plugins: Any = lab(flat_field=double)
    (path,) = run(write_recipe(), write_exposure(), plugins=plugins, format=ending).products
    assert plugins.read_exposure(path).header["DRSFMT"] == 2


def test_a_product_has_the_hash_of_the_exposure_that_was_read(
    lab: Callable[..., Plugins], write_recipe: Callable[..., Path], write_exposure: Callable[..., Path]
) -> None:
    given, plugins = write_exposure(), lab(flat_field=lambda exposure: exposure.scale(2))
    (path,) = run(write_recipe(), given, plugins=plugins).products
    member = {"file": given.name, "role": "science", "sha256": sha256(given.read_bytes()).hexdigest()}
    assert plugins.read_exposure(path).provenance["members"] == [member]


def test_a_product_has_the_hashes_of_the_background_exposures_too(
    lab: Callable[..., Plugins], write_recipe: Callable[..., Path], write_exposure: Callable[..., Path]
) -> None:
    def subtract(exposure: Exposure, background_exposures: Sequence[Exposure]) -> Exposure:
        return exposure.replace(data=exposure.data - background_exposures[0].data)

    plugins = lab(background=subtract)
    science, sky = write_exposure(), write_exposure("sky_rate.fits")
    given: Any = {"backgrounds": [sky], "plugins": plugins}
    (path,) = run(write_recipe("background: {save: cal}"), science, **given).products
    members = plugins.read_exposure(path).provenance["members"]
    assert [(one["file"], one["role"]) for one in members] == [(science.name, "science"), (sky.name, "background")]
    assert members[1]["sha256"] == sha256(sky.read_bytes()).hexdigest()


def test_an_exposure_whose_file_changes_during_the_run_fails(
    lab: Callable[..., Plugins], write_recipe: Callable[..., Path], write_exposure: Callable[..., Path]
) -> None:
    given = write_exposure()

    def touch(exposure: Exposure) -> Exposure:
        given.write_bytes(given.read_bytes() + bytes(2880))
        return exposure.scale(2)

    report = run(write_recipe(), given, plugins=lab(flat_field=touch))
    assert "has changed during the run" in report.results[0].error
    assert report.products == ()


def test_hashes_of_files_that_have_changed_since_are_not_told(tmp_path: Path) -> None:
    same, changed, moved, unknown = (tmp_path / name for name in ("same", "changed", "moved", "unknown"))
    for path in (same, changed, moved, unknown):
        path.write_bytes(b"a")
    with closing(HashedFiles()) as files:
        for path in (same, changed, moved):
            files.hash(path)
            files.sha256(path)
        changed.write_bytes(b"c")
        moved.rename(tmp_path / "elsewhere")
        found = files.unchanged([same, changed, moved, unknown])
        assert {path: one.sha256 for path, one in found.items()} == {same: sha256(b"a").hexdigest()}


def test_what_is_watched_already_is_not_looked_at_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A run of many exposures asks for all of them again and again, and file servers are slow."""
    from iris_core.io import hashing

    asked = list[Path]()
    monkeypatch.setattr(hashing, "state_of", lambda path: (asked.append(path), state_of(path))[1])
    path = tmp_path / "x_cal.fits"
    path.write_bytes(b"a")
    with closing(HashedFiles()) as files:
        for _ in range(5):
            files.hash(path)
            files.watch(path)
    assert asked == [path]


def test_a_product_that_is_moved_on_at_once_is_no_failure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whoever waits for it may be faster than the hash of it."""
    from iris_core.io import hashing

    def moved_first(path: Path) -> str:
        path.rename(tmp_path / "elsewhere")
        return sha256_of(path)

    monkeypatch.setattr(hashing, "sha256_of", moved_first)
    path = tmp_path / "x_cal.fits"
    path.write_bytes(b"a")
    with closing(HashedFiles()) as files:
        files.hash(path)
        assert files.unchanged([path]) == {}


def test_files_are_hashed_beside_the_work_and_may_not_change(tmp_path: Path) -> None:
    hashed, watched, none = (tmp_path / name for name in ("hashed", "watched", "none"))
    hashed.write_bytes(b"a")
    watched.write_bytes(b"b")
    with closing(HashedFiles()) as files:
        files.watch(watched)
        for path in (hashed, hashed, none):
            files.hash(path)
        assert files.sha256(hashed) == sha256(b"a").hexdigest()
        assert [files.sha256(path) for path in (watched, none)] == ["", ""]
        watched.write_bytes(b"c")
        none.write_bytes(b"d")
        for path in (watched, none):
            files.hash(path)  # what counts is the first look
            with pytest.raises(InputError, match=f"{path.name} has changed during the run"):
                files.sha256(path)
