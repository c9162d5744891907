"""What was done to an exposure is plain data that a file can carry, and comes back whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from iris_testkit import make_exposure

from iris_core import ReferenceUse, Removal, StageRecord, Subarray, Window
from iris_core.io.tree import common_elsewhere, describe, restore

text = st.text(max_size=10)
plain = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), text),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(text, inner, max_size=3)),
    max_leaves=5,
)
names = text.map(lambda name: Path(name).name)  # paths are not kept: the same from elsewhere is the same
uses = st.builds(ReferenceUse, reftype=text, path=names, sha256=text, provider=text)
records = st.builds(
    StageRecord,
    stage=text,
    status=st.sampled_from(["COMPLETE", "SKIPPED"]),
    notes=st.lists(text, max_size=2).map(tuple),
    params=st.dictionaries(text, plain, max_size=3),
    references=st.lists(uses, max_size=2).map(tuple),
    backgrounds=st.lists(names, max_size=2).map(tuple),
)
numbers = st.integers(1, 4096)
windows = st.builds(Subarray, id=st.integers(1, 10), window=st.builds(Window, numbers, numbers, numbers, numbers),
                    detxsize=numbers, detysize=numbers)  # fmt: skip


states = st.dictionaries(text, st.sampled_from(Removal), max_size=3)


@given(
    st.lists(records, max_size=3),
    st.lists(windows, max_size=2),
    st.dictionaries(text, plain, max_size=2),
    st.frozensets(text, max_size=3),
    states,
)
def test_history_windows_provenance_and_state_survive_as_plain_data(
    history: list[StageRecord],
    subarrays: list[Subarray],
    provenance: dict[str, object],
    done: frozenset[str],
    removed: Mapping[str, Removal],
) -> None:
    fields = {
        "history": tuple(history),
        "subarrays": tuple(subarrays),
        "provenance": provenance,
        "done": done,
        "removed": removed,
        "common": frozenset({"flat"}),
    }
    described = describe(make_exposure((1, 1)).replace(**fields))
    assert restore(json.loads(json.dumps(described))) == fields
    assert described["format"] == 2


def test_a_file_of_somebody_else_has_no_history() -> None:
    assert restore({}) == {"history": (), "subarrays": (), "provenance": {}, "done": frozenset(), "removed": {}}


def test_a_file_that_does_not_say_what_integrations_share_is_read_by_the_names_of_its_components() -> None:
    assert common_elsewhere(["poisson", "flat", "total", "dark"]) == {"flat", "dark"}
    none = make_exposure(nint=2)
    assert restore(describe(none))["common"] == set()
    assert "common" not in restore({})
