"""Science exposures, each with the background exposures that fit it, for a night by hand and for any night."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from iris_asn import group_exposures
from iris_asn._files import jobs_of

from iris_core import Exposure, Window, read_asn, write_asn

Make = Callable[..., Exposure]


def backgrounds_of(name: str, *members: Exposure, **options: Any) -> list[str]:
    groups = {group.name: group for group in group_exposures(members, "image2", **options).groups}
    return [one.path.name.removesuffix("_rate.fits") for one in groups[name].members.get("background", ())]


def test_a_science_exposure_gets_the_skies_that_fit_it_nearest_in_time_first(exposure: Make) -> None:
    skies = [
        exposure("late", "SKY", 50, target="blank"),
        exposure("early", "sky", -5, target="blank"),
        exposure("timeless", "SKY", None),
        exposure("near", "SKY", 3),
    ]
    assert backgrounds_of("x", exposure("x"), *skies) == ["near", "early", "late", "timeless"]
    assert backgrounds_of("x", exposure("x"), *skies, most=2) == ["near", "early"]


@pytest.mark.parametrize("field", ["instrument", "detector", "filter", "pupil", "read_mode"])
def test_a_sky_of_another_kind_is_unused_with_the_reason(exposure: Make, field: str) -> None:
    grouping = group_exposures([exposure("x"), exposure("sky", "SKY", **{field: "other"})], "image2")
    assert grouping.groups[0].members.keys() == {"science"}
    assert "of which there is no science exposure" in grouping.left_out[Path("sky_rate.fits")]
    assert "other" in grouping.left_out[Path("sky_rate.fits")]


def test_a_full_frame_serves_a_window_and_a_window_only_its_own(exposure: Make) -> None:
    window, other = Window(5, 7, 32, 32), Window(9, 7, 32, 32)
    skies = [exposure("full", "SKY"), exposure("own", "SKY", 1, window=window), exposure("no", "SKY", 2, window=other)]
    assert backgrounds_of("x", exposure("x", window=window), *skies) == ["full", "own"]
    grouping = group_exposures([exposure("x", window=window), *skies], "image2")
    assert grouping.left_out == {Path("no_rate.fits"): f"no science exposure is of its window, {other}"}


def test_what_is_no_science_and_no_sky_is_unused(exposure: Make) -> None:
    grouping = group_exposures([exposure("x"), exposure("d", "DARK")], "image2")
    assert grouping.left_out == {Path("d_rate.fits"): "IMTYPE is DARK; image2 takes science, background"}


def test_a_named_background_is_one_whatever_it_says(exposure: Make) -> None:
    science, named = exposure("x"), exposure("y")
    roles = {named.meta.path: "Background"}
    assert backgrounds_of("x", science, named, roles=roles) == ["y"]
    assert len(group_exposures([science, named], "image2", roles=roles).groups) == 1


def test_products_stand_by_group_and_time(exposure: Make) -> None:
    members = [
        exposure("d", minute=9),
        exposure("c", minute=1, target="M33"),
        exposure("b", minute=5),
        exposure("a", minute=7, detector="IMG2"),
    ]
    assert [group.name for group in group_exposures(members, "image2").groups] == ["b", "d", "c", "a"]


meta = st.fixed_dictionaries(
    {
        "instrument": st.sampled_from(["IRIS", "iris", "Liger"]),
        "detector": st.sampled_from(["IMG1", "IMG2"]),
        "filter": st.sampled_from(["Kbb", "J", ""]),
        "read_mode": st.sampled_from(["CDS", "UTR"]),
        "target": st.sampled_from(["M31", "m31", "blank", ""]),
        "window": st.sampled_from([None, Window(1, 1, 8, 8), Window(2, 1, 8, 8)]),
        "kind": st.sampled_from(["SCI", "", "SKY", "sky", "DARK"]),
        "minute": st.none() | st.floats(-1e3, 1e3),
    }
)
nights = st.lists(meta, max_size=8)


@settings(max_examples=50, deadline=None)
@given(said=nights, most=st.none() | st.integers(1, 3), random=st.randoms())
def test_any_night_is_grouped_by_the_rules(exposure: Make, said: list[Any], most: int | None, random: Any) -> None:
    night = [exposure(f"n{number}", **item) for number, item in enumerate(said)]
    grouping = group_exposures(night, "image2", most=most)
    science = [one.meta.path for one in night if one.meta.image_type in ("SCI", "")]
    assert sorted(group.first.path for group in grouping.groups) == sorted(science)
    for group in grouping.groups:
        (first,), skies = group.members["science"], group.members.get("background", ())
        own = first.meta
        assert len(skies) <= (most or len(night))
        away = []
        for one in skies:
            assert one.meta.image_type in ("SKY", "sky")
            assert one.meta.instrument.lower() == own.instrument.lower()
            assert (one.meta.detector, one.meta.filter, one.meta.read_mode) == (own.detector, own.filter, own.read_mode)
            assert one.meta.window in (None, own.window)
            both = one.meta.start_time is not None and own.start_time is not None
            away.append(abs(one.meta.start_time - own.start_time) if both else timedelta.max)  # type: ignore[operator]
        assert away == sorted(away)
    used = {one.path for group in grouping.groups for one in group.everything}
    assert used | grouping.left_out.keys() == {one.meta.path for one in night}
    assert not used & grouping.left_out.keys()
    shuffled = list(night)
    random.shuffle(shuffled)
    assert group_exposures(shuffled, "image2", most=most) == grouping


@settings(max_examples=50, deadline=None)
@given(said=nights)
def test_what_is_written_is_read_back(
    exposure: Make, tmp_path_factory: pytest.TempPathFactory, said: list[Any]
) -> None:
    night = [exposure(f"n{number}", **item) for number, item in enumerate(said)]
    folder = tmp_path_factory.mktemp("night")
    placed = [one.replace(meta=replace(one.meta, path=folder / one.meta.path)) for one in night]
    for one in placed:
        one.meta.path.touch()
    groups = group_exposures(placed, "image2").groups
    if groups:
        write_asn(jobs_of(groups), folder / "asn.json", overwrite=False)
        jobs = read_asn(folder / "asn.json")
        assert [(job.name, job.path) for job in jobs] == [(group.name, group.first.path) for group in groups]
        skies = [tuple(one.path for one in group.members.get("background", ())) for group in groups]
        assert [job.backgrounds for job in jobs] == skies
        assert [job.problem for job in jobs] == [""] * len(groups)
