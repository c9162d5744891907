"""Instrument modes: data with its sources, matched from the header or named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from iris_testkit import iris_mode, make_exposure

from iris_core import InstrumentMode, ModeNotFound, PluginError, Plugins, hookimpl, load_mode
from iris_core.instruments import Offered, find_mode, match_mode


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


def offered(*modes: InstrumentMode) -> Offered[InstrumentMode]:
    """Return modes as plugins offer them: the first by ``lab-0``, the next by ``lab-1``."""
    owners: dict[str, dict[str, InstrumentMode]] = {}
    for number, one in enumerate(modes):
        owners.setdefault(one.name, {})[f"lab-{number}"] = one
    return Offered("instrument mode", owners)


@pytest.mark.parametrize("value", ["IRIS", "iris", "Iris"])
def test_the_mode_is_matched_by_instrument_and_detector(value: str) -> None:
    modes = offered(mode("a"), mode("b", "IRIS", "IMG2"), mode("c", "Liger"))
    assert match_mode(make_exposure(instrument=value, detector="IMG2"), modes).name == "b"


def test_a_named_mode_is_taken_where_the_header_names_no_instrument() -> None:
    assert match_mode(make_exposure(instrument="", detector=""), offered(mode("a")), "a").name == "a"


@pytest.mark.parametrize(("instrument", "detector"), [("NIRC2", "IMG1"), ("IRIS", "IMG2"), ("IRIS", "")])
def test_a_named_mode_that_contradicts_the_header_is_taken_only_where_it_is_forced(
    instrument: str, detector: str
) -> None:
    exposure, modes = make_exposure(instrument=instrument, detector=detector), offered(mode("a"), mode("b", "NIRC2"))
    with pytest.raises(ModeNotFound) as caught:
        match_mode(exposure, modes, "a")
    for fact in ("x_rate.fits", "a", f"INSTRUME '{instrument}'", f"DETECTOR '{detector}'", "--instrument a"):
        assert fact in str(caught.value)
    assert match_mode(exposure, modes, "a", forced=True).name == "a"


@pytest.mark.parametrize(
    ("number", "header", "matches"), [(2, {"NEXP": 8}, True), (1, {"NEXP": 8}, False), (2, {}, False)]
)
def test_what_is_made_of_several_detectors_is_of_a_mode_that_has_several(
    number: int, header: dict[str, Any], matches: bool
) -> None:
    """A mosaic has no DETECTOR, and goes into other recipes as it is."""
    one = mode("a")
    detectors = {f"IMG{index + 1}": one.detectors["IMG1"] for index in range(number)}
    mosaic = make_exposure(instrument="IRIS", detector="", header=header)
    assert replace(one, detectors=detectors).matches(mosaic) == matches


def test_no_mode_is_an_error_that_lists_what_there_is() -> None:
    modes = offered(mode("b"), mode("a"))
    with pytest.raises(ModeNotFound) as caught:
        match_mode(make_exposure(instrument="NIRC2", detector="X"), modes)
    for fact in ("x_rate.fits", "INSTRUME 'NIRC2', DETECTOR 'X'", "a (IRIS: IMG1), b (IRIS: IMG1)"):
        assert fact in str(caught.value)


def test_a_mode_without_detectors_is_offered_by_name_and_never_chosen_by_a_header() -> None:
    general = replace(mode("anything", ""), detectors={})
    modes = offered(mode("a"), general)
    for given in ({"instrument": "NIRC2", "detector": "X"}, {"instrument": "", "detector": ""}):
        with pytest.raises(ModeNotFound, match=r"a \(IRIS: IMG1\); --instrument anything"):
            match_mode(make_exposure(**given), modes)
        assert match_mode(make_exposure(**given), modes, "anything") == general
    assert match_mode(make_exposure(), modes).name == "a"


def test_an_unknown_name_is_an_error_that_names_the_nearest_and_all() -> None:
    modes = offered(iris_mode(), mode("cam"))
    with pytest.raises(ModeNotFound, match=r"'iris-imagr'.*'iris-imager'\?.*cam, iris-imager"):
        find_mode(modes, "iris-imagr")
    with pytest.raises(ModeNotFound, match=r"'iris-imagr'"):
        match_mode(make_exposure(), modes, "iris-imagr")


def test_two_modes_for_one_exposure_are_an_error_that_names_both() -> None:
    with pytest.raises(ModeNotFound, match=r"x_rate\.fits: .*a, b.*instrument:"):
        match_mode(make_exposure(), offered(mode("a"), mode("b")))


@pytest.mark.parametrize("name", ["cam", ""], ids=["by name", "by the header"])
def test_a_mode_that_two_plugins_bring_is_an_error_where_it_is_used(name: str) -> None:
    modes = offered(mode("cam"), mode("cam", "IRIS", "IMG1", "IMG2"), mode("other", "NIRC2", "X"))
    with pytest.raises(PluginError, match=r"'cam'.*lab-0, lab-1"):
        match_mode(make_exposure(), modes, name)
    assert match_mode(make_exposure(instrument="NIRC2", detector="X"), modes).name == "other"


def test_what_is_offered_is_in_name_order_and_whole() -> None:
    modes = offered(mode("cam", "Z"), mode("a"), mode("cam", "A"))
    assert (list(modes), len(modes), "other" in modes) == (["a", "cam"], 2, False)
    assert [(one.name, one.instrument) for one in modes.everything()] == [("a", "IRIS"), ("cam", "Z"), ("cam", "A")]
    assert [(name, plugin) for name, plugin, _ in modes.brought()] == [
        ("a", "lab-1"), ("cam", "lab-0"), ("cam", "lab-2"),
    ]  # fmt: skip


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


@pytest.mark.parametrize(("first", "second"), [("lab-a", "lab-z"), ("lab-z", "lab-a")])
def test_of_two_that_bring_one_name_none_is_taken_whichever_comes_first(bare: Plugins, first: str, second: str) -> None:
    """Not even over a name of the framework: what is merely installed changes no pixel, and hides nothing."""
    bare.add(first, Brings([mode("cam", "Z"), mode("image2"), mode("processes")]), "1.0", "lab-tools")
    bare.add(second, Brings([mode("cam", "A"), mode("mine")]), "2.0")
    assert bare.modes()["mine"].instrument == "IRIS"
    with pytest.raises(PluginError, match=r"'cam'.*lab-a.*lab-z"):
        bare.modes()["cam"]
    with pytest.raises(PluginError, match=r"'image2'.*iris-nir.*lab-tools"):
        bare.recipes()["image2"]
    with pytest.raises(PluginError, match=rf"'processes'.*{first}"):
        bare.executors()["processes"]
    assert bare.recipes()["image2-dark-first"].is_file()


def test_one_mode_that_two_plugins_bring_alike_is_one(bare: Plugins) -> None:
    bare.add("lab-a", Brings([mode("cam")]))
    bare.add("lab-z", Brings([mode("cam")]))
    assert bare.modes()["cam"] == mode("cam")


@pytest.mark.parametrize("content", ["", "- a", "name: cam", "name: cam\ncolour: red", "a: ["])
def test_a_mode_that_cannot_be_read_is_named_and_stops_nobody_else(
    bare: Plugins, tmp_path: Path, caplog: pytest.LogCaptureFixture, content: str
) -> None:
    path = tmp_path / "cam.yaml"
    path.write_text(content)
    bare.add("lab-cam", Brings([], path))
    assert list(bare.modes()) == ["iris-imager"]
    (message,) = [record.message for record in caplog.records]
    assert "lab-cam" in message
    assert "instrument_modes" in message
    assert "\n" not in message
