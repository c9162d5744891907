"""Instrument modes: data with its sources, matched from the header or named."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from iris_core import ModeNotFound, hookimpl
from iris_core.instruments import InstrumentMode, load_mode, match_mode
from iris_core.plugins import Plugins
from iris_core.testing import iris_mode, make_exposure


def mode(name: str, instrument: str = "IRIS", *detectors: str) -> InstrumentMode:
    known: dict[str, Any] = dict.fromkeys(detectors or ("IMG1",))
    return InstrumentMode(
        name=name, telescope="T", instrument=instrument, detectors=known, pixel_scale=0.01, unit="electron/s"
    )


def test_the_imager_of_iris() -> None:
    iris = iris_mode()
    assert (iris.name, iris.telescope, iris.pixel_scale, iris.unit) == ("iris-imager", "TMT", 0.004, "electron/s")
    assert [detector.shape for detector in iris.detectors.values()] == [(4096, 4096)] * 4
    assert len(iris.filters) == 51
    kbb = iris.filters["Kbb"]
    assert (kbb.minimum, kbb.centre, kbb.maximum, kbb.sky) == (1.975, 2.1935, 2.412, 15.21)
    assert iris.filters["KN1"].sky is None
    assert all({"value", "unit", "source"} == set(fact) for fact in iris.facts.values())


def test_the_detectors_of_iris_leave_the_documented_gap() -> None:
    """Each covers 16.4 arcsec; the inner corners are 0.6 arcsec off the axis."""
    for detector in iris_mode().detectors.values():
        half = 4096 * 0.004 / 2
        assert [abs(one) - half for one in detector.offset] == pytest.approx([0.6, 0.6], abs=1e-6)


@pytest.mark.parametrize("said", ["IRIS", "iris", "Iris"])
def test_the_mode_is_matched_by_instrument_and_detector(said: str) -> None:
    modes = [mode("a"), mode("b", "IRIS", "IMG2"), mode("c", "Liger")]
    assert match_mode(make_exposure(instrument=said, detector="IMG2"), modes).name == "b"


def test_a_named_mode_is_taken_whatever_the_header_says() -> None:
    assert match_mode(make_exposure(instrument="", detector=""), [mode("a")], "a").name == "a"


def test_no_mode_is_an_error_that_lists_what_there_is() -> None:
    with pytest.raises(ModeNotFound) as caught:
        match_mode(make_exposure(instrument="NIRC2", detector="X"), [mode("b"), mode("a")])
    words = "x_rate.fits: no mode matches INSTRUME 'NIRC2', DETECTOR 'X'; "
    words += "installed modes are: a (IRIS: IMG1), b (IRIS: IMG1)"
    assert words in str(caught.value)


def test_an_unknown_name_is_an_error_that_names_the_nearest() -> None:
    with pytest.raises(ModeNotFound, match="no instrument mode 'iris-imagr'; did you mean 'iris-imager'"):
        match_mode(make_exposure(), [iris_mode()], "iris-imagr")


def test_two_modes_for_one_exposure_are_an_error_that_names_both() -> None:
    with pytest.raises(ModeNotFound, match="matches a, b; name one with 'instrument:'"):
        match_mode(make_exposure(), [mode("a"), mode("b")])


MODE = """\
name: cam
telescope: T
instrument: C
pixel_scale: 0.01
unit: DN/s
detectors: {A: {shape: [10, 20]}}
filters: {J: [1.1, 1.25, 1.4], K: [2, 2.2, 2.4, 15]}
use: {flat_field: lab-flat}
params: {resample: {pixfrac: 0.8}}
"""


def test_a_mode_is_read_from_yaml(tmp_path: Path) -> None:
    (tmp_path / "cam.yaml").write_text(MODE)
    cam = load_mode(tmp_path / "cam.yaml")
    assert cam.detectors["A"].shape == (10, 20)
    assert cam.detectors["A"].offset == (0, 0)
    assert (cam.filters["J"].sky, cam.filters["K"].sky) == (None, 15)
    assert cam.use == {"flat_field": "lab-flat"}
    assert cam.params == {"resample": {"pixfrac": 0.8}}


class Brings:
    """Brings modes, recipes and executors, or fails to."""

    def __init__(self, brought: Any, path: Path | None = None) -> None:
        self.brought, self.path = brought, path

    @hookimpl
    def instrument_modes(self) -> Any:
        return [load_mode(self.path)] if self.path is not None else self.brought

    @hookimpl
    def recipes(self) -> Any:
        return {one.name: Path(f"{one.telescope}.yaml") for one in self.brought}

    @hookimpl
    def executors(self) -> Any:
        return self.recipes()


def test_a_name_that_is_taken_is_not_taken_away_and_said_so_once(
    bare: Plugins, caplog: pytest.LogCaptureFixture
) -> None:
    """What is merely installed changes no pixel: not even by the name of a recipe of the core."""
    bare.add("lab-z", Brings([mode("iris-imager", "Other"), mode("cam", "Z")]))
    bare.add("lab-a", Brings([mode("cam", "A")]))
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            modes = bare.modes()
    assert (modes["iris-imager"].instrument, modes["cam"].instrument) == ("IRIS", "A")
    assert [record.message for record in caplog.records] == [
        "plugin lab-z: 'cam' of its instrument_modes is not used, the name is taken",
        "plugin lab-z: 'iris-imager' of its instrument_modes is not used, the name is taken",
    ]
    bare.add("lab-y", Brings([mode("image2"), mode("serial")]))
    assert bare.recipes()["image2"].is_file()
    assert bare.executors()["serial"] != Path("T.yaml")


@pytest.mark.parametrize(
    "content", ["", "- a", "name: cam", MODE + "colour: red", MODE.replace("[10, 20]", "3"), "a: ["]
)
def test_a_mode_that_cannot_be_read_is_named_and_stops_nobody_else(
    bare: Plugins, tmp_path: Path, caplog: pytest.LogCaptureFixture, content: str
) -> None:
    path = tmp_path / "cam.yaml"
    path.write_text(content)
    bare.add("lab-cam", Brings([], path))
    assert list(bare.modes()) == ["iris-imager"]
    (message,) = [record.message for record in caplog.records]
    assert message.startswith("plugin lab-cam: its instrument_modes cannot be used: ")
    assert "\n" not in message
