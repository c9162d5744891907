"""Exposures grouped for recipes that take many: by hand, and for any night."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from iris_asn import RULES, Grouping, find_rule, group_exposures
from iris_asn._recipes import read
from iris_asn._rules import ROLES

from iris_core import Exposure, InputError, RecipeError, Window

Make = Callable[..., Exposure]
ON, OFF = {"LAMP": "on"}, {"LAMP": "off"}


def stems(paths: Iterable[Path]) -> list[str]:
    return [path.name.removesuffix("_rate.fits") for path in paths]


def groups(grouping: Grouping) -> dict[str, dict[str, list[str]]]:
    """Return the names of the members of each group, by role."""
    return {
        group.name: {role: stems(one.path for one in several) for role, several in group.members.items()}
        for group in grouping.groups
    }


def reason(grouping: Grouping, name: str) -> str:
    return grouping.left_out[Path(f"{name}_rate.fits")]


def test_darks_are_grouped_by_what_the_detector_was_set_to(exposure: Make) -> None:
    darks = [
        exposure("a", "DARK", 5, exposure_time=80.0),
        exposure("b", "dark", 6, exposure_time=80.04),
        exposure("c", "DARK", 2, exposure_time=10.0),
        exposure("d", "DARK", 3, exposure_time=80.0, header={"COADDS": 3}),
        exposure("e", "DARK", 4, exposure_time=80.0, window=Window(5, 7, 4, 4)),
        exposure("f", "DARK", 5, exposure_time=80.0, detector="IMG2"),
        exposure("g", "DARK", 6, exposure_time=80.0, read_mode="UTR"),
        exposure("h", "DARK", 7, exposure_time=80.1),
        exposure("i", "", 8, exposure_time=10.0, target="night", filter="J", header={"SHUTTER": "closed"}),
        exposure("j", "DARK", 9, exposure_time=10.0, header={"COADDS": 1}),
    ]
    assert groups(group_exposures(darks, "create-dark")) == {
        "IMG1_CDS_10s": {"dark": ["c", "i", "j"]},
        "IMG1_CDS_80s": {"dark": ["a", "b"]},
        "IMG1_CDS_80s_4x4at5-7": {"dark": ["e"]},
        "IMG1_CDS_80s_3coadds": {"dark": ["d"]},
        "IMG1_CDS_80.1s": {"dark": ["h"]},
        "IMG1_UTR_80s": {"dark": ["g"]},
        "IMG2_CDS_80s": {"dark": ["f"]},
    }


def test_exposures_of_other_sizes_are_other_windows(exposure: Make) -> None:
    darks = [
        exposure("a", "DARK"),
        exposure("b", "DARK", shape=(4, 5)),
        exposure("c", "DARK", window=Window(1, 1, 4, 4)),
    ]
    found = group_exposures(darks, "create-dark")
    assert [stems(one.path for one in group.everything) for group in found.groups] == [["a", "c"], ["b"]]
    assert [group.name for group in found.groups] == ["IMG1_CDS_100s", "IMG1_CDS_100s_2"]


def test_exposure_times_within_a_thousandth_are_one(exposure: Make) -> None:
    darks = [exposure(f"n{t}", "DARK", t, exposure_time=t) for t in (79.9, 80.0, 79.95, 80.03, 1.0)]
    found = groups(group_exposures(darks, "create-dark"))
    assert found == {
        "IMG1_CDS_1s": {"dark": ["n1.0"]},
        "IMG1_CDS_79.9s": {"dark": ["n79.9", "n79.95"]},
        "IMG1_CDS_80s": {"dark": ["n80.0", "n80.03"]},
    }


def test_flats_have_the_frames_without_lamp_of_their_filter(exposure: Make) -> None:
    flats = [
        exposure("on1", "FLAT", 1, filter="Ks", header=ON),
        exposure("on2", "DOMEFLAT", 2, filter="KS", header=ON, target="dome", exposure_time=3.0),
        exposure("off1", "FLAT", 3, filter="Ks", header=OFF),
        exposure("off2", "flat_off", 4, filter="Ks"),
        exposure("j", "FLAT", 5, filter="J"),
        exposure("h_off", "FLAT", 6, filter="H", header=OFF),
        exposure("sky", "SKYFLAT", 7, filter="Ks"),
        exposure("dark", "DARK", 8),
        exposure("odd", "FLAT", 9, filter="Ks", header={"LAMP": "halogen"}),
    ]
    found = group_exposures(flats, "create-flat")
    assert groups(found) == {
        "IMG1_J": {"flat": ["j"]},
        "IMG1_Ks": {"flat": ["on1", "on2"], "flat_off": ["off1", "off2"]},
    }
    assert reason(found, "h_off") == "no flat exposure has its INSTRUME, DETECTOR, FILTER, PUPIL, WINDOW"
    assert reason(found, "sky") == "IMTYPE is SKYFLAT; create-flat takes flat, flat_off"
    assert "LAMP is halogen" in reason(found, "odd")
    assert stems(found.left_out) == ["dark", "h_off", "odd", "sky"]


def test_sky_flats_are_three_at_least(exposure: Make) -> None:
    flats = [exposure(f"k{n}", "TWILIGHT", n, filter="K") for n in range(3)]
    flats += [exposure(f"j{n}", "FLAT", n, filter="J") for n in range(2)]
    flats += [exposure("lamp", "FLAT", 5, filter="K", header=ON)]
    found = group_exposures(flats, "create-skyflat", members={"flat": (3, None)})
    assert groups(found) == {"IMG1_K": {"flat": ["k0", "k1", "k2"]}}
    assert reason(found, "j0") == "2 flat in the group of j0_rate.fits; create-skyflat takes 3+"
    assert reason(found, "lamp") == "IMTYPE is FLAT and LAMP is on; create-skyflat takes flat"


def test_bad_pixels_come_from_masters_of_a_detector(exposure: Make) -> None:
    masters = [
        exposure("dark1", "DARK", header={"REFTYPE": "DARK"}),
        exposure("flat1", "FLAT", header={"REFTYPE": "FLAT"}, filter="J"),
        exposure("flat2", "FLAT", header={"REFTYPE": "FLAT"}, filter="H"),
        exposure("dark2", "DARK", header={"REFTYPE": "DARK"}, detector="IMG2"),
        exposure("raw", "DARK"),
    ]
    found = group_exposures(masters, "create-badpix", members={"dark": (1, None), "flat": (1, None)})
    assert groups(found) == {"IMG1": {"dark": ["dark1"], "flat": ["flat1", "flat2"]}}
    assert reason(found, "dark2") == "0 flat in the group of dark2_rate.fits; create-badpix takes 1+"
    assert reason(found, "raw") == "IMTYPE is DARK; create-badpix takes dark, flat"


def test_science_of_all_detectors_is_together_with_the_skies_of_its_cameras(exposure: Make) -> None:
    night = [
        exposure("a2", minute=1, detector="IMG2"),
        exposure("a1", minute=0),
        exposure("b1", minute=2, target="m31"),
        exposure("c1", minute=3, target="M33"),
        exposure("j1", minute=4, filter="J"),
        exposure("sky2", "SKY", 5, target="blank", detector="IMG2"),
        exposure("sky1", "SKY", 6, target="blank"),
        exposure("sky3", "SKY", 7, target="blank", detector="IMG3"),
        exposure("sub", "SCI", 8, subarray_id=1),
    ]
    members = {"science": (1, None), "background": (0, None), "refcat": (0, 1), "objects": (0, 1)}
    references = {"refcat": Path("stars.ecsv"), "objects": Path("o.reg")}
    found = group_exposures(night, "image3", references=references, members=members)
    own = {"refcat": ["stars.ecsv"], "objects": ["o.reg"]}
    assert groups(found) == {
        "M31_J": {"science": ["j1"], **own},
        "M31_Kbb": {"science": ["a1", "a2", "b1"], "background": ["sky2", "sky1"], **own},
        "M33_Kbb": {"science": ["c1"], "background": ["sky1"], **own},
    }
    assert "IMG3" in reason(found, "sky3")
    assert reason(found, "sub") == "SUBARRID is 1; image3 takes science, background, refcat, objects"


def test_subarrays_are_with_the_full_frame_of_their_exposure(exposure: Make) -> None:
    night = [
        exposure(f"x{number}-{k}", "SCI", number, subarray_id=k, header={"EXPNUM": number})
        for number in (7, 8)
        for k in (2, 0, 1)
    ]
    night += [exposure("lone", subarray_id=1, header={"EXPNUM": 9}), exposure("twin", header={"EXPNUM": 8})]
    found = group_exposures(night, "merge-subarrays")
    assert groups(found) == {"x7-0": {"science": ["x7-0"], "subarray": ["x7-1", "x7-2"]}}
    assert (
        reason(found, "twin")
        == reason(found, "x8-1")
        == ("2 science in the group of twin_rate.fits; merge-subarrays takes 1")
    )
    assert "no science exposure has its" in reason(found, "lone")


def test_a_role_that_is_given_counts_against_the_header(exposure: Make) -> None:
    night = [exposure("on", "FLAT", 0, header=ON), exposure("off", "SCI", 1), exposure("odd", "ARC", 2)]
    roles = {Path("off_rate.fits"): "FLAT_OFF", Path("odd_rate.fits"): "flat"}
    found = group_exposures(night, "create-flat", roles=roles)
    assert groups(found) == {"IMG1_Kbb": {"flat": ["on", "odd"], "flat_off": ["off"]}}
    with pytest.raises(InputError, match="a member 'dark': create-flat takes flat, flat_off"):
        group_exposures(night, "create-flat", roles={Path("on_rate.fits"): "dark"})
    with pytest.raises(InputError, match="a member 'refcat': create-flat takes flat, flat_off"):
        group_exposures(night, "create-flat", references={"refcat": Path("stars.ecsv")})


def test_a_recipe_without_a_rule_is_refused_or_grouped_like_another(exposure: Make) -> None:
    with pytest.raises(RecipeError) as raised:
        group_exposures([], "create-drak")
    for fact in ("'create-drak'", "did you mean 'create-dark'?", "create-skyflat, image2, image3", "--like"):
        assert fact in str(raised.value)
    with pytest.raises(RecipeError, match="'image4'; did you mean"):
        group_exposures([], "my-dark", like="image4")
    darks = [exposure("a", "DARK")]
    assert group_exposures(darks, "my-dark", like="create-dark") == group_exposures(darks, "create-dark")


def test_names_of_products_can_be_names_of_files(exposure: Make) -> None:
    targets = ("../NGC 1/a", "", "NGC 1-A", "* alf Ori", "...")
    night = [exposure(f"n{n}", target=name) for n, name in enumerate(targets)]
    found = sorted(group.name for group in group_exposures(night, "image3").groups)
    assert found == ["Kbb", "Kbb_2", "NGC-1-A_Kbb_2", "NGC-1-a_Kbb", "alf-Ori_Kbb"]


@pytest.mark.parametrize("recipe", RULES)
def test_a_rule_is_whole(recipe: str) -> None:
    rule = find_rule(recipe)
    assert set(rule.members) <= set(ROLES)
    assert set(rule.kinds.values()) <= set(rule.members)
    assert set(rule.name) <= set(rule.each)
    assert rule.first == next(iter(RULES[recipe].kinds.values()))
    assert not rule.takes(rule.first, 0)


@pytest.mark.parametrize(
    ("numbers", "text", "taken"),
    [((1, 1), "1", [1]), ((2, None), "2+", [2, 3]), ((0, 1), "0-1", [0, 1])],
)
def test_a_group_takes_as_many_as_the_recipe_says(
    exposure: Make, numbers: tuple[int, int | None], text: str, taken: list[int]
) -> None:
    rule = find_rule("my-dark", "create-dark", {"dark": numbers})
    assert rule.text("dark") == text
    assert [number for number in range(4) if rule.takes("dark", number)] == taken


def test_a_role_that_the_recipe_does_not_take_is_left_out(exposure: Make) -> None:
    night = [exposure("a"), exposure("sky", "SKY")]
    found = group_exposures(night, "nirc2-deep", like="image3", members={"science": (1, None), "refcat": (0, 1)})
    assert groups(found) == {"M31_Kbb": {"science": ["a"]}}
    assert reason(found, "sky") == "IMTYPE is SKY; nirc2-deep takes science, refcat"


@pytest.mark.parametrize(
    "recipe", ["create-dark", "create-flat", "create-skyflat", "create-badpix", "create-flat-together", "image3"]
)
def test_the_installed_recipes_say_how_many_they_take(recipe: str) -> None:
    like, members = read(recipe)
    assert like == recipe
    assert set(RULES[recipe].kinds.values()) <= set(members)
    assert find_rule(recipe, members=members).first == RULES[recipe].first


def test_recipes_of_single_exposures_and_unknown_ones_say_nothing() -> None:
    assert read("image2") == ("image2", {})
    assert read("no-such-recipe") == ("no-such-recipe", {})
    assert read("no-such-recipe", "create-skyflat") == ("create-skyflat", {"flat": (3, None)})


def test_other_recipes_are_grouped_as_those_of_the_same_roles() -> None:
    like, members = read("nirc2-dither")
    assert like == "image3"
    assert members["science"] == (1, None)


said = st.fixed_dictionaries(
    {
        "detector": st.sampled_from(["IMG1", "img1", "IMG2"]),
        "filter": st.sampled_from(["Ks", "ks", "J"]),
        "target": st.sampled_from(["M31", "m31", ""]),
        "window": st.sampled_from([None, None, Window(2, 1, 4, 4)]),
        "subarray_id": st.sampled_from([0, 0, 1, 2]),
        "exposure_time": st.sampled_from([None, 10.0, 10.005, 80.0]),
        "kind": st.sampled_from(["SCI", "", "SKY", "DARK", "FLAT", "FLAT_OFF", "TWILIGHT", "ARC"]),
        "minute": st.none() | st.integers(-2, 2),
        "header": st.fixed_dictionaries(
            {},
            optional={
                "LAMP": st.sampled_from(["on", "OFF", "hot"]),
                "SHUTTER": st.sampled_from(["open", "closed", "T"]),
                "REFTYPE": st.sampled_from(["DARK", "FLAT"]),
                "COADDS": st.integers(1, 2),
                "EXPNUM": st.integers(1, 2),
            },
        ),
    }
)


@settings(max_examples=60, deadline=None)
@given(recipe=st.sampled_from(list(RULES)), night=st.lists(said, max_size=10), random=st.randoms())
def test_every_exposure_is_in_one_group_or_left_out_in_any_order(
    exposure: Make, recipe: str, night: list[dict[str, Any]], random: Any
) -> None:
    """Background exposures may be in several groups: those of one filter serve every target."""
    outlines = [exposure(f"n{number}", **one) for number, one in enumerate(night)]
    found, rule = group_exposures(outlines, recipe), find_rule(recipe)
    placed = [(one.path, role) for group in found.groups for role, several in group.members.items() for one in several]
    once = [path for path, role in placed if role != "background"]
    assert len(once) == len(set(once))
    assert {path for path, _ in placed} | found.left_out.keys() == {one.meta.path for one in outlines}
    assert not {path for path, _ in placed} & found.left_out.keys()
    assert all(found.left_out.values())
    names = [group.name.casefold() for group in found.groups]
    assert len(names) == len(set(names))
    for group in found.groups:
        for role in rule.members:
            assert rule.takes(role, len(group.members.get(role, ())))
    random.shuffle(outlines)
    assert group_exposures(outlines, recipe) == found


@settings(max_examples=60, deadline=None)
@given(times=st.lists(st.floats(0.1, 1e4), min_size=1, max_size=8))
def test_exposure_times_of_a_group_differ_by_a_thousandth_at_most(exposure: Make, times: list[float]) -> None:
    darks = [exposure(f"n{number}", "DARK", exposure_time=time) for number, time in enumerate(times)]
    for group in group_exposures(darks, "create-dark").groups:
        own = [one.meta.exposure_time or 0 for one in group.everything]
        assert max(own) <= min(own) * 1.001
