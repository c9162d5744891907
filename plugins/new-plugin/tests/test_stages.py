"""What is declared on this machine is known, third parties' stages included."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from iris_new_plugin._stages import survey

from iris_core import DQ

IMAGE2 = {"background", "parse_subarray_map", "assign_wcs", "dark_current", "flat_field", "photom", "resample"}


def test_the_stages_of_the_core_are_known() -> None:
    found = survey()
    assert set(found.stages) >= IMAGE2
    assert found.stages["dark_current"].by is None
    assert found.stages["photom"].unit == "MJy / sr"
    assert found.stages["background"].consumes_backgrounds
    assert {"run_stage", "find_reference", "dark_current"} <= found.hooks
    assert {"S_DARK", "S_BKDSUB", "S_SKYSUB"} <= found.keywords


def test_a_stage_of_a_third_party_is_known_with_who_declares_it(
    third_party: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(third_party))
    stage = survey().stages["in_counts"]
    assert stage.by is not None
    assert (stage.by.name, stage.by.module) == ("third-party", "third_party")
    assert (stage.unit, stage.dq, stage.documentation) == (
        "DN / s",
        DQ.TELEGRAPH | DQ.RC,
        "Convert to counts. Units: DN/s out.",
    )


def test_who_implements_a_stage_may_come_before_who_declares_it(
    third_party: Path, put_metadata: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plugins come in no order; 'a-first' implements what 'third-party' declares."""
    (tmp_path / "a_first.py").write_text(
        "from iris_core import stage\n@stage('in_counts')\ndef convert(exposure): return exposure\n"
    )
    put_metadata(tmp_path, "a-first", "1.0", "[iris_core]\na-first = a_first\n")
    monkeypatch.syspath_prepend(str(third_party))
    monkeypatch.syspath_prepend(str(tmp_path))
    found = survey()
    assert found.broken == ()
    stage = found.stages["in_counts"]
    assert stage.by is not None
    assert stage.by.name == "third-party"


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
    assert found.broken == (f"broken: {why}",)
    assert set(found.stages) >= IMAGE2
