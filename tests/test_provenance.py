"""What was done to an exposure is plain data, and comes back whole."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from iris_core import Subarray, Window
from iris_core.meta import ReferenceUse, StageRecord
from iris_core.provenance import describe, restore, software
from iris_core.testing import make_exposure

text = st.text(max_size=10)
plain = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), text),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(text, inner, max_size=3)),
    max_leaves=5,
)
uses = st.builds(ReferenceUse, reftype=text, path=text, sha256=text, provider=text)
records = st.builds(
    StageRecord,
    stage=text,
    status=st.sampled_from(["COMPLETE", "SKIPPED"]),
    notes=st.lists(text, max_size=2).map(tuple),
    params=st.dictionaries(text, plain, max_size=3),
    references=st.lists(uses, max_size=2).map(tuple),
    backgrounds=st.lists(text, max_size=2).map(tuple),
    seconds=st.floats(0, 100),
)
numbers = st.integers(1, 4096)
windows = st.builds(Subarray, id=st.integers(1, 10), window=st.builds(Window, numbers, numbers, numbers, numbers),
                    detxsize=numbers, detysize=numbers)  # fmt: skip


@given(st.lists(records, max_size=3), st.lists(windows, max_size=2), st.dictionaries(text, plain, max_size=2))
def test_history_windows_and_provenance_survive_as_plain_data(
    history: list[StageRecord], subarrays: list[Subarray], provenance: dict[str, object]
) -> None:
    exposure = make_exposure((1, 1)).replace(history=tuple(history), subarrays=tuple(subarrays), provenance=provenance)
    back = restore(json.loads(json.dumps(describe(exposure))))
    assert back == {"history": tuple(history), "subarrays": tuple(subarrays), "provenance": provenance}


def test_a_file_of_somebody_else_has_no_history() -> None:
    assert restore({}) == {"history": (), "subarrays": (), "provenance": {}}


def test_the_software_is_named_with_versions() -> None:
    assert set(software()) == {"python", "iris-core", "numpy", "astropy", "gwcs", "asdf"}
    assert all(version[0].isdigit() for version in software().values())
