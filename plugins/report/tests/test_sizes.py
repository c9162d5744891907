"""How large a report is (E5), and what it takes (E7)."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from iris_report import make_report
from iris_report._content import _SMALL, Content
from iris_report._examine import examine
from iris_report._limits import read_limits
from iris_report._night import Night, find_night
from iris_report._references import UsedReferences
from iris_verify import Hashes, Search

from iris_core import load_plugins, read_fits, write_fits


def many(clean: SimpleNamespace, number: int) -> str:
    """Return an index of `number` exposures: those of the clean night, again and again."""
    found = find_night(clean.out, clean.out / "report")
    observations = [
        replace(found.observations[count % 4], name=f"sim_IMG1_Kbb_science_{count:05d}") for count in range(number)
    ]
    night = Night(found.folder, observations=observations)
    content = Content(night, {}, read_limits(), load_plugins(), str, is_one_file=False)
    with Hashes() as hashes:
        references = UsedReferences(Search([], hashes))
        examined = [
            examine(
                one, page="", files={}, sky=(7.5, 1.0), limits=read_limits(), references=references, small=content.small
            )
            for one in observations[:4]
        ]
    for count, one in enumerate(observations):
        like = examined[count % 4]
        entry = replace(like.entry, name=one.name, page=content.pages[one.name], filter=("Kbb", "Hbb", "J")[count % 3])
        content.add(replace(like, entry=entry))
    content.finish()
    return content.index()


@pytest.mark.slow
@pytest.mark.parametrize("number", [most for most, _, _ in _SMALL] + [500])
def test_an_index_of_hundreds_of_exposures_is_below_2_mb(clean: SimpleNamespace, number: int) -> None:
    index = many(clean, number)
    assert index.count('<th scope="row"><a href="exposures/') == number
    assert index.count("<td><img") == number
    assert len(index.encode()) < 2_000_000


def test_a_page_is_below_400_kb_however_many_products_of_noise_it_shows(copied: Path, lab: SimpleNamespace) -> None:
    product = read_fits(copied / "sim_IMG1_Kbb_0001_cal.fits")
    for path in copied.glob("*.fits"):
        path.unlink()
    shape = (700, 700)
    noise = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    image = product.replace(
        data=noise, dq=np.zeros(shape, np.uint32), variance={"total": np.ones(shape, np.float32)}, area=None, planes={}
    )
    for number in range(8):
        write_fits(image, copied / f"sim_IMG1_Kbb_0001_stage{number}.fits")
    make_report(copied)
    (page,) = (copied / "report" / "exposures").iterdir()
    assert page.read_text().count('src="data:image/jpeg') == 8
    assert 100_000 < page.stat().st_size < 400_000


def test_too_many_exposures_have_no_small_pictures(clean: SimpleNamespace) -> None:
    night = Night(clean.out, observations=[Any] * 601)  # type: ignore[list-item]
    content = Content.__new__(Content)
    content.night = night
    assert content.small == (0, 0)


MEASURE = """\
import sys, time
from pathlib import Path
import astropy.visualization, PIL.JpegImagePlugin
from iris_core import load_plugins
from iris_report import make_report
plugins = load_plugins()
make_report(sys.argv[1], plugins=plugins)  # imports, and what they take, are not of the exposure
start = time.process_time()
make_report(sys.argv[2], plugins=plugins)
seconds = time.process_time() - start
# What a process was started by counts in getrusage, too.
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]
print(seconds, peak)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="this system does not say what a process takes")
def test_a_large_exposure_takes_little_time_and_memory(copied: Path, tmp_path: Path) -> None:
    """E7: 1.5 s of CPU time and 0.5 GB for cal and i2d of 4096 x 4096 pixels."""
    size = 4096
    (tmp_path / "large").mkdir()
    for suffix in ("cal", "i2d"):
        product = read_fits(copied / f"sim_IMG1_Kbb_0001_{suffix}.fits")
        noise = np.random.default_rng(0).normal(size=(size, size)).astype(np.float32)
        large = product.replace(
            data=noise,
            dq=np.zeros((size, size), np.uint32),
            variance={
                "poisson": np.full((size, size), 0.5, np.float32),
                "rnoise": np.full((size, size), 0.5, np.float32),
            },
            area=None,
            planes={},
        )
        write_fits(large, tmp_path / "large" / f"sim_IMG1_Kbb_0001_{suffix}.fits")
    words = [sys.executable, "-c", MEASURE, str(copied), str(tmp_path / "large")]
    seconds, peak = map(float, subprocess.run(words, capture_output=True, text=True, check=True).stdout.split())
    assert seconds < 1.5
    assert peak * 1024 < 0.5e9


def test_the_pictures_of_many_stacks_share_their_room(copied: Path) -> None:
    product = read_fits(copied / "sim_IMG1_Kbb_0001_i2d.fits")
    header = product.header.copy()
    header["NEXP"] = 3
    for number in range(25):
        header["OBJECT"] = f"field {number}"
        write_fits(product.replace(header=header.copy()), copied / f"field{number}_i2d.fits")
    made = make_report(copied)
    text = made.index.read_text()
    assert text.count("<h3>Deepest stack</h3>") == 25
    pictures = re.findall(r'data:image/jpeg;base64,([^"]+)" alt="field\d+_i2d\.fits', text)
    assert len(pictures) == 25
    assert sum(map(len, pictures)) < 600_000
