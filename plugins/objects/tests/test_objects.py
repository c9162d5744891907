"""Objects that the user knows, against areas and places in closed form."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import ICRS, Galactic
from astropy.io import fits
from astropy.modeling.models import AffineTransformation2D, Pix2Sky_TAN, Polynomial2D, RotateNative2Celestial
from gwcs import WCS
from gwcs.coordinate_frames import CelestialFrame, Frame2D
from iris_objects import check_reference, objects_of, read_objects, reference_types
from iris_testkit import make_exposure

from iris_core import (
    Exposure,
    InputError,
    Job,
    Mask,
    Reference,
    References,
    check,
    load_plugins,
    read_exposure,
    run,
    sha256_of,
    write_asn,
    write_exposure,
)

SCALE = 0.01 / 3600
CENTRE = (150.1, 2.2)


def look(
    offset: tuple[float, float] = (0, 0), *, angle: float = 0.0, bend: float = 0.0, frame: object = None
) -> Exposure:
    """Return an exposure of 100 x 80 pixels of 10 mas; its pixel (30, 25) minus `offset` is at the centre.

    With `bend` the last column lies so many pixels farther out than without.
    """
    cosine, sine = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    x = Polynomial2D(2, c1_0=1.0, c2_0=bend / 99**2)
    y = Polynomial2D(2, c0_1=1.0)
    from astropy.modeling.models import Mapping

    start = AffineTransformation2D(np.eye(2), translation=np.array(offset) - (30, 25))
    turn = AffineTransformation2D(np.array([(-cosine, -sine), (-sine, cosine)]) * SCALE)
    sky = Pix2Sky_TAN() | RotateNative2Celestial(*CENTRE, 180.0)
    frames = (
        Frame2D(name="detector", unit=(u.pix, u.pix)),
        CelestialFrame(reference_frame=ICRS() if frame is None else frame, name="sky"),
    )
    wcs = WCS([(frames[0], Mapping((0, 1, 0, 1)) | x & y | start | turn | sky), (frames[1], None)])
    exposure = make_exposure((80, 100))
    return exposure.replace(wcs=wcs, meta=replace(exposure.meta, path=Path("x_rate.fits")))


def regions(folder: Path, *lines: str) -> Path:
    path = folder / "objects.reg"
    path.write_text("# Region file format: DS9 version 4.1\nglobal color=green\n" + "\n".join(lines) + "\n")
    return path


def marked(path: Path, exposure: Exposure) -> Mask:
    return read_objects(path).of_exposure(exposure)


def middle(mask: Mask) -> list[float]:
    return [float(one) for one in np.argwhere(mask).mean(axis=0)[::-1]]


@pytest.mark.parametrize("angle", [0.0, 33.0])
@pytest.mark.parametrize("offset", [(0.0, 0.0), (-20.0, -7.5)])
def test_regions_on_the_sky_move_with_the_dither(tmp_path: Path, offset: tuple[float, float], angle: float) -> None:
    """10 mas per pixel: a circle of 10 pixels, a box of 40 x 20."""
    exposure = look(offset, angle=angle)
    for line, area in (
        (f'circle({CENTRE[0]},{CENTRE[1]},0.1")', np.pi * 100),
        (f'box({CENTRE[0]},{CENTRE[1]},0.4",0.2")', 800),
    ):
        mask = marked(regions(tmp_path, "icrs", line), exposure)
        assert mask.sum() == pytest.approx(area, rel=0.1)
        assert middle(mask) == pytest.approx([30 - offset[0], 25 - offset[1]], abs=0.6)


def test_the_distortion_of_the_exposure_counts(tmp_path: Path) -> None:
    """A place 40 pixels east of the centre lies, of a column stretched by 10 pixels at the edge, nearer to it."""
    east = CENTRE[0] - 40 * SCALE / np.cos(np.deg2rad(CENTRE[1]))
    path = regions(tmp_path, "icrs", f'circle({east:.10f},{CENTRE[1]},0.05")')
    bend = 10.0
    column = (-1 + np.sqrt(1 + 4 * bend / 99**2 * 70)) / (2 * bend / 99**2)
    assert middle(marked(path, look())) == pytest.approx([70, 25], abs=0.4)
    assert middle(marked(path, look(bend=bend))) == pytest.approx([column, 25], abs=0.4)
    assert column < 66


def test_regions_that_are_excluded_free_what_was_marked(tmp_path: Path) -> None:
    centre = f"{CENTRE[0]},{CENTRE[1]}"
    mask = marked(regions(tmp_path, "icrs", f'circle({centre},0.1")', f'-circle({centre},0.04")'), look())
    assert mask.sum() == pytest.approx(np.pi * (10**2 - 4**2), rel=0.1)
    assert not mask[25, 30]


def test_regions_in_image_are_the_same_pixels_in_every_exposure(tmp_path: Path) -> None:
    """DS9 counts pixels from 1."""
    path = regions(tmp_path, "image", "box(11,21,4,4,0)")
    for exposure in (look(), look((10, 5)), look().replace(wcs=None)):
        assert middle(marked(path, exposure)) == pytest.approx([10, 20], abs=0.6)


def write_image(path: Path, plane: np.ndarray, centre: tuple[float, float] | None = CENTRE, **cards: object) -> Path:
    header = fits.Header()
    if centre is not None:
        header.update({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": centre[0], "CRVAL2": centre[1]})
        header.update({"CRPIX1": 31, "CRPIX2": 26, "CDELT1": -SCALE, "CDELT2": SCALE, **cards})
    fits.PrimaryHDU(plane, header).writeto(path)
    return path


def test_a_fits_image_lies_by_its_wcs_and_without_one_in_every_exposure(tmp_path: Path) -> None:
    plane = np.zeros((80, 100), dtype=np.float32)
    plane[20:30, 40:44], plane[0, 0] = 1, np.nan
    sky, plain = write_image(tmp_path / "sky.fits", plane), write_image(tmp_path / "plain.fits", plane, None)
    for exposure, (dx, dy) in ((look(), (0, 0)), (look((5, -3)), (5, -3))):
        assert np.array_equal(marked(sky, exposure), np.roll(plane == 1, (-dy, -dx), (0, 1)))
        assert np.array_equal(marked(plain, exposure), plane == 1)
    assert read_objects(sky).of_image((80, 100)) is None


def test_they_travel_to_other_processes(tmp_path: Path) -> None:
    path = regions(tmp_path, "icrs", f'circle({CENTRE[0]},{CENTRE[1]},0.1")', "image", "box(11,21,4,4,0)")
    again = pickle.loads(pickle.dumps(read_objects(path)))
    assert np.array_equal(again.of_exposure(look()), marked(path, look()))


@pytest.mark.parametrize(
    ("name", "content", "wanted"),
    [
        ("none.reg", None, "cannot be read"),
        ("empty.reg", b"# nothing\n", "no region"),
        ("panda.reg", b"physical\ncircle(3,4,5)\n", "known are circle"),
        ("binary.reg", b"\xff\xfe\x00", "cannot be read"),
        ("none.fits", None, "none.fits"),
    ],
)
def test_files_that_cannot_be_used_are_refused(tmp_path: Path, name: str, content: bytes | None, wanted: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=wanted):
        read_objects(tmp_path / name)


def given(content: object) -> References:
    return References({"objects": Reference(reftype="objects", path=Path("o.fits"), provider="test", content=content)})


def test_objects_that_fit_no_exposure_are_refused(tmp_path: Path) -> None:
    fits.PrimaryHDU().writeto(tmp_path / "bare.fits")
    with pytest.raises(InputError, match="have no image"):
        read_objects(tmp_path / "bare.fits")
    small = read_objects(write_image(tmp_path / "small.fits", np.zeros((8, 9)), None))
    with pytest.raises(InputError, match=r"no WCS and shape \(8, 9\), x"):
        objects_of(given(small), [look()])
    sky = read_objects(write_image(tmp_path / "sky.fits", np.zeros((8, 9))))
    assert objects_of(given(sky), [look()]) is sky
    with pytest.raises(InputError, match=r"are in icrs, x_rate\.fits in galactic"):
        objects_of(given(sky), [look(frame=Galactic())])


def test_without_objects_there_are_none() -> None:
    assert objects_of(References(), [look()]) is None
    with pytest.raises(InputError, match="have not been read"):
        objects_of(given(None), [look()])


def test_they_are_named_by_hand_only() -> None:
    (kind,) = reference_types()
    assert (kind.name, kind.kind, kind.selectors) == ("objects", "other", ())
    assert "one field" in check_reference(given(None)["objects"])[0]


# --- in a run ----------------------------------------------------------------------------------------------------

PLUGIN = '''
from iris_core import References, Exposures, InputError, stage, stage_spec
from iris_objects import objects_of

@stage_spec(group=True, status="S_MARKED")
def mark(exposures, params, references):
    """Mark objects."""

def look(exposures, references):
    objects_of(references, exposures.outlines)

@stage("mark", optional=("objects",), check=look)
def count(exposures: Exposures, references: References) -> Exposures:
    """Count the pixels of objects."""
    found = objects_of(references, exposures.outlines)
    assert found is not None
    numbers = [int(found.of_exposure(one.replace(wcs=None)).sum()) for one in exposures]
    cards = [{"NMARKED": (number, "pixels")} for number in numbers]
    return exposures.changed([one.with_keywords(card) for one, card in zip(exposures.outlines, cards)])
'''


@pytest.fixture
def night(tmp_path: Path) -> Path:
    """Return a folder with two exposures, a stage that counts the pixels of objects, and its recipe."""
    (tmp_path / "mark.py").write_text(PLUGIN)
    (tmp_path / "mark.yaml").write_text(
        "recipe: 1\nname: mark\nmembers: {science: 1+}\ninstrument: iris-imager\nsteps: [{mark: {save: marked}}]\n"
    )
    for name in ("a", "b"):
        write_exposure(make_exposure((80, 100)), tmp_path / f"{name}_rate.fits")
    return tmp_path


def test_a_run_reads_them_once_and_records_their_hash(night: Path) -> None:
    path = regions(night, "image", "box(11,21,5,5,0)")
    files = [night / "a_rate.fits", night / "b_rate.fits"]
    options = {"references": {"objects": path}, "plugin_files": night / "mark.py"}
    report = run(night / "mark.yaml", *files, directory=night / "out", plugins=load_plugins(), **options)  # type: ignore[arg-type]
    assert not report.failed
    (use,) = report.results[0].history[-1].references
    assert (use.reftype, Path(use.path), use.provider) == ("objects", path, "by hand")
    assert use.sha256 == sha256_of(path)
    assert {read_exposure(one).sci_header["NMARKED"] for one in report.products} == {25}


def test_a_member_of_an_association_gives_the_objects_of_its_product(night: Path) -> None:
    """As --reference objects=FILE does for all products."""
    recipe = night / "mark.yaml"
    recipe.write_text(recipe.read_text().replace("{science: 1+}", "{science: 1+, objects: 0-1}"))
    paths = {"one": regions(night, "image", "box(11,21,5,5,0)")}
    paths["two"] = paths["one"].with_name("two.reg")
    paths["two"].write_text(paths["one"].read_text().replace("5,5", "7,7"))
    exposures = {"one": night / "a_rate.fits", "two": night / "b_rate.fits"}
    jobs = [
        Job(exposures[name], name=name, members=(("science", exposures[name]), ("objects", paths[name])))
        for name in ("one", "two")
    ]
    asn = write_asn(jobs, night / "n_asn.json", recipe="mark")
    report = run(recipe, asn, directory=night / "out", plugins=load_plugins(), plugin_files=night / "mark.py")
    assert not report.failed
    for result, number in zip(report.results, (25, 49), strict=True):
        (use,) = result.history[-1].references
        assert (use.reftype, use.sha256) == ("objects", sha256_of(Path(use.path)))
        assert read_exposure(next(iter(result.products.values()))).sci_header["NMARKED"] == number


@pytest.mark.parametrize(
    ("content", "wanted"), [("physical\ncircle(3,4,5)\n", "known are circle"), (None, "no such objects")]
)
def test_a_check_refuses_them_before_the_first_pixel(night: Path, content: str | None, wanted: str) -> None:
    path = night / "o.reg"
    if content:
        path.write_text(content)
    files = [night / "a_rate.fits", night / "b_rate.fits"]
    found = check(night / "mark.yaml", *files, references={"objects": path}, plugin_files=night / "mark.py")
    assert wanted in str(found.errors[0])
