"""What is declared on this machine is found, stages of third parties included."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from iris_new_plugin._stages import survey

from iris_core import DQ

IMAGE2 = {"background", "parse_subarray_map", "assign_wcs", "dark_current", "flat_field", "photom", "resample"}


def test_the_stages_of_the_core_are_known() -> None:
    found = survey()
    assert set(found.stages) >= IMAGE2
    assert found.stages["dark_current"].by is None
    assert found.stages["photom"].spec.unit == "MJy / sr"
    assert found.stages["background"].spec.consumes_backgrounds
    assert {"run_stage", "find_reference", "dark_current"} <= found.hooks
    assert {"S_DARK", "S_BKDSUB", "S_SKYSUB"} <= found.keywords
    assert {"iris-nir", "iris-flat", "iris-imager"} <= found.plugins
    assert "iris-imager" in {mode.name for mode in found.modes}


def test_a_stage_of_a_third_party_is_found_with_the_package_that_declares_it(
    third_party: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(third_party))
    stage = survey().stages["in_counts"]
    assert stage.by is not None
    assert (stage.by.plugin, stage.by.module) == ("third-party", "third_party")
    assert (stage.by.distribution, stage.by.version) == ("third-party", "2.1.3")
    assert (stage.spec.unit, stage.spec.dq, stage.documentation) == (
        "DN / s",
        DQ.TELEGRAPH | DQ.RC,
        "Convert to counts. Units: DN/s out.",
    )


def test_a_plugin_may_come_before_the_one_that_declares_its_stage(
    third_party: Path, put_metadata: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """'a-first' implements what 'third-party' declares."""
    (tmp_path / "a_first.py").write_text(
        "from iris_core import stage\n@stage('in_counts')\ndef convert(exposure): return exposure\n"
    )
    put_metadata(tmp_path, "a-first", "1.0", "[iris_core]\na-first = a_first\n")
    monkeypatch.syspath_prepend(str(third_party))
    monkeypatch.syspath_prepend(str(tmp_path))
    found = survey()
    assert not found.broken
    stage = found.stages["in_counts"]
    assert stage.by is not None
    assert stage.by.plugin == "third-party"


def test_a_stage_declared_with_add_hookspecs_is_found_with_its_package(
    put_metadata: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "late_party"
    package.mkdir()
    (package / "specs.py").write_text(
        "from iris_core import stage_spec\n@stage_spec(status='S_LATE')\n"
        "def be_late(exposure, params, references, background_exposures, instrument): ...\n"
    )
    (package / "__init__.py").write_text(
        "from iris_core import hookimpl\nfrom late_party import specs\n@hookimpl\n"
        "def add_hookspecs(pluginmanager): pluginmanager.add_hookspecs(specs)\n"
    )
    put_metadata(tmp_path, "late-party", "1.0", "[iris_core]\nlate = late_party\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    by = survey().stages["be_late"].by
    assert by is not None
    assert (by.plugin, by.module, by.distribution) == ("late", "late_party", "late-party")


def test_of_several_plugins_of_a_package_the_one_that_has_the_stage_is_needed(
    put_metadata: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "two_in_one"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "another.py").touch()
    (package / "stages.py").write_text(
        "from iris_core import stage_spec\n@stage_spec(status='S_TWO')\n"
        "def be_two(exposure, params, references, background_exposures, instrument): ...\n"
    )
    points = "[iris_core]\na-two = two_in_one.another\nb-two = two_in_one.stages\n"
    put_metadata(tmp_path, "two-in-one", "1.0", points)
    monkeypatch.syspath_prepend(str(tmp_path))
    by = survey().stages["be_two"].by
    assert by is not None
    assert (by.plugin, by.module) == ("b-two", "two_in_one.stages")


@pytest.mark.parametrize(
    ("source", "why"),
    [("import nowhere_at_all", "No module named 'nowhere_at_all'"), ("raise SystemExit", "SystemExit")],
)
def test_a_broken_plugin_is_named_and_stops_nothing(
    source: str, why: str, put_metadata: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = f"broken_{len(source)}"
    (tmp_path / f"{module}.py").write_text(source)
    put_metadata(tmp_path, "broken", "1.0", f"[iris_core]\nbroken = {module}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    found = survey()
    assert list(found.broken) == ["broken"]
    assert why in found.broken["broken"]
    assert "broken" in found.plugins
    assert set(found.stages) >= IMAGE2


def test_another_implementation_of_a_stage_of_many_is_refused(
    new_plugin: Callable[..., Result], tmp_path: Path
) -> None:
    """The templates are of stages of one exposure."""
    pytest.importorskip("iris_resample")
    result = new_plugin("stage", "my-mosaic", "--stage", "mosaic", "--out", tmp_path)
    assert result.exit_code == 1
    assert "'mosaic' is a stage of many exposures" in str(result.output)
    assert "--group" in result.output
    assert not list(tmp_path.iterdir())
