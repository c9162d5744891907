"""The exposure: frozen, read-only, and its arithmetic keeps data, errors and flags together."""

from __future__ import annotations

import dataclasses
import pickle
from typing import Any

import numpy as np
import pytest
from astropy.io.fits import Header
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from iris_testkit import make_exposure
from numpy.testing import assert_allclose, assert_array_equal

from iris_core import DQ, Exposure, Exposures, InputError, Removal
from iris_core.exposure import is_masked

shapes = st.sampled_from([(1, 1), (3, 4), (2, 3, 4)])
values = st.one_of(st.floats(-1e6, 1e6, width=32), st.sampled_from([np.nan, np.inf, -np.inf, 0.0]))
positive = st.one_of(st.floats(0, 1e6, width=32), st.sampled_from([np.nan, np.inf]))


@st.composite
def exposures(draw: st.DrawFn, finite: bool = False) -> Exposure:
    """Return exposures of all shapes, with two components, one, or none, and any bits."""
    shape = draw(shapes)
    pixels = st.floats(-1e6, 1e6, width=32) if finite else values
    errors = st.floats(0, 1e6, width=32) if finite else positive
    names = draw(st.sampled_from([(), ("total",), ("poisson", "rnoise")]))
    blank = make_exposure((shape[-2], shape[-1]), nint=shape[0] if len(shape) == 3 else 0)
    return blank.replace(
        data=draw(npst.arrays(np.float32, shape, elements=pixels)),
        dq=draw(npst.arrays(np.uint32, shape, elements=st.integers(0, 2**32 - 1))),
        variance={name: draw(npst.arrays(np.float32, shape, elements=errors)) for name in names},
    )


def gwcs_at(ra: float) -> Any:
    """Return a gWCS that differs from others in its place on the sky only."""
    from astropy import coordinates as coord
    from astropy.modeling import models
    from gwcs import WCS
    from gwcs import coordinate_frames as cf

    pixel = cf.Frame2D(name="detector", unit=("pix", "pix"))
    sky = cf.CelestialFrame(name="sky", reference_frame=coord.ICRS(), unit=("deg", "deg"))
    return WCS([(pixel, models.Shift(ra) & models.Shift(2.0)), (sky, None)])


def test_a_field_cannot_be_set() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        make_exposure().data = np.zeros((2, 2))  # type: ignore[misc,assignment]


@pytest.mark.parametrize("plane", ["data", "dq", "area", "variance", "planes"])
def test_planes_are_read_only(plane: str) -> None:
    exposure = make_exposure((2, 2)).replace(area=np.ones((2, 2)), planes={"WHT": np.ones((2, 2))})
    found = getattr(exposure, plane)
    array = found if isinstance(found, np.ndarray) else next(iter(found.values()))
    with pytest.raises(ValueError, match="read-only"):
        array[0, 0] = 5
    with pytest.raises(ValueError, match="read-only"):
        array += 1


@pytest.mark.parametrize("mapping", ["variance", "planes", "removed", "provenance"])
def test_nothing_can_be_added_from_outside(mapping: str) -> None:
    with pytest.raises(TypeError):
        getattr(make_exposure(), mapping)["dark"] = np.zeros((32, 32))


@pytest.mark.parametrize("mapping", ["planes", "removed", "provenance"])
def test_a_mapping_that_was_given_can_still_be_written_by_its_owner(mapping: str) -> None:
    mine: dict[str, Any] = {}
    exposure = make_exposure().replace(**{mapping: mine})
    mine["dark"] = Removal.WHOLE
    assert not getattr(exposure, mapping)


def test_an_array_that_was_given_can_still_be_written_by_its_owner() -> None:
    mine = np.zeros((2, 2), dtype=np.float32)
    make_exposure((2, 2)).replace(data=mine)
    mine[0, 0] = 1


def test_planes_are_float32_and_uint32_whatever_they_were() -> None:
    exposure = make_exposure((2, 2)).replace(
        data=np.ones((2, 2), dtype=">f8"), dq=np.ones((2, 2), dtype=np.int16), variance={"total": [[1, 2], [3, 4]]}
    )
    assert exposure.data.dtype == exposure.variance["total"].dtype == np.float32
    assert exposure.dq.dtype == np.uint32


def test_a_plane_that_does_not_change_is_shared_not_copied() -> None:
    exposure = make_exposure((2, 2))
    changed = exposure.replace(unit=None).note("nothing")
    assert np.shares_memory(changed.data, exposure.data)


@pytest.mark.parametrize(
    "changes",
    [
        {"data": np.zeros(4)},
        {"data": np.zeros((1, 1, 2, 2))},
        {"data": np.zeros((2, 3))},
        {"dq": np.zeros((3, 2))},
        {"variance": {"dark": np.zeros((2, 1))}},
    ],
)
def test_planes_of_different_shapes_are_refused_with_both_shapes(changes: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"x_rate\.fits: .*(shape|axes)"):
        make_exposure((2, 2)).replace(**changes)


def test_the_error_is_the_root_of_the_sum_of_the_components() -> None:
    error = make_exposure(poisson=9, rnoise=16).err
    assert error is not None
    assert_allclose(error, 5.0)


def test_without_components_the_error_is_unknown_and_stays_so() -> None:
    exposure = make_exposure().replace(variance={})
    assert exposure.err is None
    assert exposure.add_variance("dark", np.ones((32, 32))).err is None
    assert exposure.scale(2).err is None


@given(exposures(finite=True), st.sampled_from([-1000.0, -1.5, 0.0, 0.001, 1.0, 3.0]))
def test_scaling_multiplies_data_and_error_by_the_same_factor(exposure: Exposure, factor: float) -> None:
    scaled = exposure.scale(factor)
    assert_allclose(scaled.data, exposure.data * np.float32(factor), rtol=1e-6, atol=1e-30)
    assert_array_equal(scaled.dq, exposure.dq)
    assert list(scaled.variance) == list(exposure.variance)
    if exposure.err is not None:
        assert scaled.err is not None
        assert_allclose(scaled.err, np.float64(abs(factor)) * exposure.err, rtol=1e-5, atol=1e-15)


def test_scaling_by_a_plane_holds_for_every_integration() -> None:
    plane = np.arange(1, 5, dtype=float).reshape(2, 2)
    scaled = make_exposure((2, 2), nint=3, value=1, poisson=1, rnoise=0).scale(plane)
    assert_array_equal(scaled.data, np.broadcast_to(plane, (3, 2, 2)))
    assert_array_equal(scaled.variance["poisson"], np.broadcast_to(plane**2, (3, 2, 2)))


def test_scaling_by_a_missing_value_leaves_a_pixel_to_be_masked() -> None:
    exposure = make_exposure((1, 2)).scale([[np.nan, 1]]).mask_invalid()
    assert_array_equal(exposure.dq, [[DQ.DO_NOT_USE, 0]])


@given(exposures(finite=True), st.floats(0, 1e6, width=32))
def test_a_component_adds_to_the_variance_and_to_its_own_name(exposure: Exposure, variance: float) -> None:
    once = exposure.add_variance("dark", np.full(exposure.shape, variance))
    twice = once.add_variance("dark", variance)
    if exposure.err is None or once.err is None or twice.err is None:
        assert not exposure.variance
        return
    assert_allclose(once.err**2, exposure.err**2 + np.float32(variance), rtol=1e-5, atol=1e-15)
    assert_allclose(twice.variance["dark"], 2 * np.float32(variance), rtol=1e-6)


@pytest.mark.parametrize(
    ("added", "common", "expected"),
    [
        (np.ones((4, 5)), None, True),
        (1.0, None, True),
        (np.ones((2, 4, 5)), None, False),
        (np.ones((2, 4, 5)), True, True),
        (np.ones((4, 5)), False, False),
    ],
)
def test_one_plane_for_all_integrations_is_an_error_common_to_them(added: Any, common: bool, expected: bool) -> None:
    cube = make_exposure((4, 5), nint=2).add_variance("dark", added, common=common)
    assert cube.common == ({"dark"} if expected else set())
    assert cube.scale(2).add_variance("dark", np.ones((2, 4, 5))).common == cube.common


def test_an_image_has_no_integrations_that_could_have_an_error_in_common() -> None:
    assert make_exposure((4, 5)).add_variance("dark", np.ones((4, 5))).common == set()


@given(exposures())
def test_nan_and_do_not_use_go_together_after_masking(exposure: Exposure) -> None:
    masked = exposure.mask_invalid()
    invalid = (exposure.dq & 1 != 0) | ~np.isfinite(exposure.data)
    for plane in exposure.variance.values():
        invalid |= ~np.isfinite(plane)
    assert_array_equal(masked.dq, exposure.dq | invalid)
    for before, after in zip(
        (exposure.data, *exposure.variance.values()), (masked.data, *masked.variance.values()), strict=True
    ):
        assert_array_equal(after, np.where(invalid, np.nan, before))


@given(exposures())
def test_masking_twice_changes_nothing_more(exposure: Exposure) -> None:
    once = exposure.mask_invalid()
    assert once.mask_invalid() is once


@given(exposures())
def test_what_was_masked_is_known_until_a_plane_is_another(exposure: Exposure) -> None:
    masked = exposure.mask_invalid()
    assert is_masked(masked)
    assert is_masked(masked.note("seen").with_keywords({"GAIN": (2.0, "")}))
    for changes in ({"data": masked.data.copy()}, {"dq": masked.dq.copy()}, {"variance": {"new": masked.data}}):
        assert not is_masked(masked.replace(**changes))
    assert not is_masked(pickle.loads(pickle.dumps(masked)))


def test_nobody_knows_what_was_not_masked_and_planes_that_are_gone_stay_gone() -> None:
    exposure = make_exposure((3, 4), rnoise=1.0)
    assert not is_masked(exposure)
    masked = exposure.mask_invalid()
    seen = masked.masked[1]
    assert seen() is masked.data
    del exposure, masked
    assert seen() is None


def test_masking_works_across_the_blocks_of_a_large_plane() -> None:
    exposure = make_exposure((600, 1000))
    data = exposure.data.copy()
    data[[0, 300, 599], [0, 500, 999]] = np.nan, np.inf, -np.inf
    masked = exposure.replace(data=data).mask_invalid()
    assert np.count_nonzero(masked.dq) == np.count_nonzero(np.isnan(masked.data)) == 3


@given(
    exposures(), st.sampled_from([DQ.HOT, DQ.DO_NOT_USE, DQ.SUBARRAY | DQ.DO_NOT_USE, DQ.REFERENCE_PIXEL]), st.data()
)
def test_flags_are_added_where_asked_and_nowhere_else(exposure: Exposure, bits: DQ, data: st.DataObject) -> None:
    shape = data.draw(st.sampled_from([exposure.shape, exposure.data.shape]))
    where = data.draw(npst.arrays(np.bool_, shape))
    exposure = exposure.mask_invalid()
    flagged = exposure.flag(where, bits)
    everywhere = np.broadcast_to(where, exposure.data.shape)
    assert_array_equal(flagged.dq, np.where(everywhere, exposure.dq | np.uint32(bits), exposure.dq))
    if bits & DQ.DO_NOT_USE:
        assert np.isnan(flagged.data[everywhere]).all()
    assert_array_equal(flagged.data[~everywhere], exposure.data[~everywhere])


def test_keywords_are_written_into_a_copy_of_the_science_header() -> None:
    exposure = make_exposure(sci_header={"A": 1})
    changed = exposure.with_keywords({"PHOTMJSR": (0.5, "MJy/sr per electron/s")})
    assert changed.sci_header["PHOTMJSR"] == 0.5
    assert changed.sci_header.comments["PHOTMJSR"] == "MJy/sr per electron/s"
    assert "PHOTMJSR" not in changed.header
    assert "PHOTMJSR" not in exposure.sci_header


def test_a_keyword_of_the_typed_header_changes_in_both_headers_and_in_meta() -> None:
    """Otherwise the primary header, which goes first, would hide what the stage wrote."""
    changed = make_exposure(filter="Kbb").with_keywords({"FILTER": ("J", "by a stage"), "OBJECT": ("M31", "")})
    assert changed.meta.filter == changed.header["FILTER"] == changed.sci_header["FILTER"] == "J"
    assert (changed.meta.target, changed.sci_header["OBJECT"]) == ("M31", "M31")


def test_a_header_that_two_exposures_share_is_believed_by_each_with_its_own() -> None:
    """Which other header it was found to agree with is kept with it."""
    one = make_exposure(filter="Kbb")
    two = one.replace(sci_header=Header([("OBJECT", "M31")]))
    assert two.header is one.header
    for _ in range(2):
        assert (one.replace(notes=("a",)).meta, two.replace(notes=("b",)).meta) == (one.meta, two.meta)
        assert (one.meta.target, two.meta.target) == ("", "M31")


@pytest.mark.parametrize("name", ["header", "sci_header", "fits_wcs"])
def test_headers_are_read_only_and_those_that_were_given_stay_those_of_their_owner(name: str) -> None:
    mine = Header([("A", 1)])
    exposure = make_exposure().replace(**{name: mine})
    with pytest.raises(TypeError, match="read-only"):
        getattr(exposure, name)["A"] = 2
    mine["A"] = 3
    assert getattr(exposure, name)["A"] == 1


def test_what_a_stage_makes_of_copies_changes_no_header_of_the_exposure() -> None:
    exposure = make_exposure(header={"S_DARK": "SKIPPED"}, sci_header={"A": 1})
    changed = exposure.with_keywords({"A": (2, "")}).replace(meta=dataclasses.replace(exposure.meta, filter="J"))
    copied = exposure.header.copy()
    copied["S_DARK"] = "COMPLETE"
    assert (exposure.header["S_DARK"], exposure.header["FILTER"], exposure.sci_header["A"]) == ("SKIPPED", "Kbb", 1)
    assert (changed.header["FILTER"], changed.sci_header["A"]) == ("J", 2)


def test_a_new_wcs_takes_the_cards_of_the_old_one_from_both_headers() -> None:
    """SIP among them: otherwise who writes `sci_header` beside the pixels writes the WCS of the detector."""
    old = {"CTYPE1": "RA---TAN-SIP", "A_ORDER": 2, "CD1_1": 1.0, "CRVAL1": 9.0, "EQUINOX": 1975.0, "OBJECT": "M31"}
    new = Header([("WCSAXES", 2), ("CTYPE1", "RA---TAN"), ("CRVAL1", 150.0)])
    exposure = make_exposure(header=old, sci_header=old)
    changed = exposure.replace(wcs=gwcs_at(150.0), fits_wcs=new)
    assert not set(old) - {"EQUINOX", "OBJECT"} & set(changed.header)
    assert {name: changed.sci_header.get(name) for name in (*old, *new)} == {
        **dict.fromkeys(old), "OBJECT": "M31", **new,
    }  # fmt: skip
    assert changed.header["EQUINOX"] == 1975.0
    assert exposure.sci_header["CRVAL1"] == 9.0


def test_a_wcs_without_fits_keywords_leaves_none_of_an_earlier_one() -> None:
    first = make_exposure().replace(wcs=gwcs_at(1.0), fits_wcs=Header([("CTYPE1", "RA---TAN"), ("CRVAL1", 1.0)]))
    assert first.sci_header["CRVAL1"] == 1.0
    second = first.replace(wcs=gwcs_at(2.0))
    assert second.fits_wcs is None
    assert not {"CTYPE1", "CRVAL1"} & {*second.header, *second.sci_header}


def test_what_changes_no_wcs_leaves_it_and_its_cards() -> None:
    exposure = make_exposure().replace(wcs=gwcs_at(1.0), fits_wcs=Header([("CRVAL1", 1.0)]))
    for same in (exposure.replace(wcs=exposure.wcs), exposure.scale(2), exposure.with_keywords({"A": (1, "")})):
        assert same.wcs is exposure.wcs
        assert same.fits_wcs is exposure.fits_wcs
        assert same.sci_header["CRVAL1"] == 1.0
    assert make_exposure(header={"CRVAL1": 9.0}).replace(wcs=None, fits_wcs=None).header["CRVAL1"] == 9.0


def test_status_is_what_the_status_keywords_say() -> None:
    cards = {"S_DARK": "COMPLETE", "S_FLAT": "SKIPPED ", "S_REGION": "POLYGON 1 2", "S_X": 3, "DATE": "COMPLETE"}
    assert make_exposure(header=cards).status == {"S_DARK": "COMPLETE", "S_FLAT": "SKIPPED"}


def test_an_outline_takes_no_memory_on_the_way_to_another_process() -> None:
    exposure = make_exposure((1000, 1000), poisson=1.0, seed=1).add_variance("flat", np.ones((1000, 1000)))
    sent = pickle.dumps(Exposures.of([exposure]).outlines[0])
    assert len(sent) < 20_000
    back = pickle.loads(sent)
    for plane, kind in ((back.data, np.float32), (back.dq, np.uint32), (back.variance["flat"], np.float32)):
        assert (plane.shape, plane.dtype, plane.strides) == ((1000, 1000), kind, (0, 0))
    assert np.isnan(back.data[0, 0])


@given(exposures())
def test_an_exposure_survives_a_trip_between_processes(exposure: Exposure) -> None:
    exposure = exposure.replace(planes={"WHT": np.ones((1, 1))}, header=Header([("A", 1, "one")])).note("kept")
    exposure = exposure.replace(done=frozenset({"flat_field"}), removed={"dark": Removal.PART})
    back = pickle.loads(pickle.dumps(exposure))
    assert_array_equal(back.data, exposure.data)
    assert_array_equal(back.dq, exposure.dq)
    assert list(back.variance) == list(exposure.variance)
    assert not back.data.flags.writeable
    assert not back.planes["WHT"].flags.writeable
    assert (back.done, dict(back.removed)) == ({"flat_field"}, {"dark": Removal.PART})
    with pytest.raises(TypeError, match="read-only"):
        back.header["A"] = 2
    assert (back.meta, back.notes, back.unit, repr(back.header)) == (
        exposure.meta,
        exposure.notes,
        exposure.unit,
        repr(exposure.header),
    )


def test_a_cube_is_integrations_and_shape_is_that_of_one_image() -> None:
    one, cube = make_exposure((3, 4)), make_exposure((3, 4), nint=2)
    assert (one.is_integrations, cube.is_integrations, cube.shape) == (False, True, (3, 4))
