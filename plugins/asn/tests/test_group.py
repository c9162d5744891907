"""Which exposures belong together, for a night by hand and for any night."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from iris_asn import Member, group_exposures
from iris_asn._files import jobs_of

from iris_core import Meta, Window, read_asn, write_asn

START = datetime(2026, 6, 1, tzinfo=UTC)


def exposure(name: str, kind: str = "SCI", minute: float | None = 0, **meta: Any) -> Member:
    start = None if minute is None else START + timedelta(minutes=minute)
    said = {"instrument": "IRIS", "detector": "IMG1", "filter": "Kbb", "read_mode": "CDS", "target": "M31"}
    return Member(Path(f"{name}_rate.fits"), Meta(image_type=kind, start_time=start, **{**said, **meta}))


def backgrounds_of(name: str, *members: Member, **options: Any) -> list[str]:
    products = {product.name: product for product in group_exposures(members, **options).products}
    return [one.path.name.removesuffix("_rate.fits") for one in products[name].backgrounds]


def test_a_science_exposure_gets_the_skies_that_fit_it_nearest_in_time_first() -> None:
    skies = [
        exposure("late", "SKY", 50, target="blank"),
        exposure("early", "sky", -5, target="blank"),
        exposure("timeless", "SKY", None),
        exposure("near", "SKY", 3),
    ]
    assert backgrounds_of("x", exposure("x"), *skies) == ["near", "early", "late", "timeless"]
    assert backgrounds_of("x", exposure("x"), *skies, most=2) == ["near", "early"]


@pytest.mark.parametrize("field", ["instrument", "detector", "filter", "pupil", "read_mode"])
def test_a_sky_of_another_kind_is_unused_with_the_reason(field: str) -> None:
    grouping = group_exposures([exposure("x"), exposure("sky", "SKY", **{field: "other"})])
    assert grouping.products[0].backgrounds == ()
    assert "of which there is no science exposure" in grouping.unused[Path("sky_rate.fits")]
    assert "other" in grouping.unused[Path("sky_rate.fits")]


def test_a_full_frame_serves_a_window_and_a_window_only_its_own() -> None:
    window, other = Window(5, 7, 32, 32), Window(9, 7, 32, 32)
    skies = [exposure("full", "SKY"), exposure("own", "SKY", 1, window=window), exposure("no", "SKY", 2, window=other)]
    assert backgrounds_of("x", exposure("x", window=window), *skies) == ["full", "own"]
    grouping = group_exposures([exposure("x", window=window), *skies])
    assert grouping.unused == {Path("no_rate.fits"): f"no science exposure is of its window, {other}"}


def test_what_is_no_science_and_no_sky_is_unused() -> None:
    grouping = group_exposures([exposure("x"), exposure("d", "DARK")])
    assert grouping.unused == {Path("d_rate.fits"): "IMTYPE is DARK"}


def test_a_named_background_is_one_whatever_it_says() -> None:
    science, named = exposure("x"), exposure("y")
    assert backgrounds_of("x", science, named, backgrounds=[named]) == ["y"]
    assert len(group_exposures([science, named], [named]).products) == 1


def test_products_stand_by_group_and_time() -> None:
    members = [
        exposure("d", minute=9),
        exposure("c", minute=1, target="M33"),
        exposure("b", minute=5),
        exposure("a", minute=7, detector="IMG2"),
    ]
    assert [product.name for product in group_exposures(members).products] == ["b", "d", "c", "a"]


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
nights = st.lists(meta, max_size=8).map(
    lambda said: [exposure(f"n{number}", **item) for number, item in enumerate(said)]
)


@given(nights, st.none() | st.integers(1, 3), st.randoms())
def test_any_night_is_grouped_by_the_rules(night: list[Member], most: int | None, random: Any) -> None:
    grouping = group_exposures(night, most=most)
    science = [one.path for one in night if one.meta.image_type in ("SCI", "")]
    assert sorted(product.science.path for product in grouping.products) == sorted(science)
    for product in grouping.products:
        own = product.science.meta
        assert product.science not in product.backgrounds
        assert len(product.backgrounds) <= (most or len(night))
        away = []
        for one in product.backgrounds:
            assert one.meta.image_type in ("SKY", "sky")
            assert one.meta.instrument.lower() == own.instrument.lower()
            assert (one.meta.detector, one.meta.filter, one.meta.read_mode) == (own.detector, own.filter, own.read_mode)
            assert one.meta.window in (None, own.window)
            both = one.meta.start_time is not None and own.start_time is not None
            away.append(abs(one.meta.start_time - own.start_time) if both else timedelta.max)  # type: ignore[operator]
        assert away == sorted(away)
    used = {one.path for product in grouping.products for one in (product.science, *product.backgrounds)}
    assert used | grouping.unused.keys() == {one.path for one in night}
    assert not used & grouping.unused.keys()
    shuffled = list(night)
    random.shuffle(shuffled)
    assert group_exposures(shuffled, most=most) == grouping


@given(nights)
def test_what_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, night: list[Member]) -> None:
    folder = tmp_path_factory.mktemp("night")
    placed = [Member(folder / one.path, one.meta) for one in night]
    for one in placed:
        one.path.touch()
    grouping = group_exposures(placed)
    if grouping.products:
        path = write_asn(jobs_of(grouping), folder / "asn.json")
        assert read_asn(path) == jobs_of(grouping)
