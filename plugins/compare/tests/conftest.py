"""What the tests share: flat fields whose results are known, and exposures and a recipe to try them on."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from iris_testkit import make_reference

HEAD = "import numpy as np\nfrom iris_core import DQ, Exposure, Params, StageSkipped, parameter, stage\n\n\n"
BODIES = {
    # 100 electron/s, err 2, become 100: the measure of all others.
    "lab-one": "return exposure",
    "lab-same": "return exposure.replace(data=exposure.data.copy())",
    # A flat that is 1 % too low.
    "lab-percent": "return exposure.scale(1 / np.float32(0.99))",
    # HOT and NaN in known pixels; err twice as large in one.
    "lab-pixels": (
        "where = np.zeros(exposure.shape, bool)\n"
        "    where[2, 3:6] = True\n"
        "    lost = np.zeros(exposure.shape, bool)\n"
        "    lost[5, 1] = True\n"
        "    data = exposure.data.copy()\n"
        "    data[..., 7, 4] += 8\n"
        "    more = np.zeros(exposure.shape, np.float32)\n"
        "    more[7, 4] = 12\n"
        "    return exposure.replace(data=data).add_variance('flat', more)"
        ".flag(where, DQ.HOT).flag(lost, DQ.NO_FLAT_FIELD | DQ.DO_NOT_USE)"
    ),
    # What dark_current refuses, later.
    "lab-late": "return exposure.with_keywords({'READMODE': ('OTHER', '')})",
    "lab-fails": "raise ValueError('the lamp was off')",
    "lab-dies": "import os\n    os.kill(os.getpid(), 9)",
    "lab-exits": "raise SystemExit(3)",
    "lab-skips": "raise StageSkipped('flat is not needed')",
    "lab-sleeps": "import time\n    print('asleep', flush=True)\n    time.sleep(120)\n    return exposure",
    "lab-prints": "print('a word from the plugin')\n    return exposure",
    "lab-hungry": "np.ones(40_000_000)\n    return exposure",
}
SCALED = """
class LabParams(Params):
    factor: float = parameter(1.0, "Factor on the data.")


@stage("flat_field", params=LabParams)
def flat(exposure, params):
    return exposure.scale(params.factor).note("multiplied")
"""


def install(site: Path, name: str, source: str) -> None:
    """Put a plugin into a folder as pip would leave it."""
    module = name.replace("-", "_")
    (site / f"{module}.py").write_text(HEAD + source)
    info = site / f"{module}-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(f"[iris_core]\n{name} = {module}\n")


def write_exposure(path: Path, data: np.ndarray) -> Path:
    """Write an exposure in electron/s with err 2; NaN in a corner."""
    data = data.astype(np.float32)
    data[..., 0, 0] = np.nan
    keywords = {"TELESCOP": "TMT", "FILTER": "Kbb", "READMODE": "DEFAULT", "EXPTIME": 100.0}
    make_reference(path, "none", data, err=np.full(data.shape, 2.0), unit="electron/s", **keywords)
    return path


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """Install the laboratory for one module of tests; other tests must not find it."""
    folder = tmp_path_factory.mktemp("lab")
    site = folder / "site"
    site.mkdir()
    for name, body in BODIES.items():
        install(site, name, f"@stage('flat_field')\ndef flat(exposure: Exposure) -> Exposure:\n    {body}\n")
    install(site, "lab-scaled", SCALED)
    recipe = folder / "lab.yaml"
    recipe.write_text("recipe: 1\nname: lab\nsteps: [flat_field, parse_subarray_map]\n")
    short = folder / "short.yaml"
    short.write_text("recipe: 1\nname: short\nsteps: [flat_field]\n")
    made = SimpleNamespace(
        site=site,
        recipe=recipe,
        short=short,
        exposure=write_exposure(folder / "x_rate.fits", np.full((10, 12), 100.0)),
        cube=write_exposure(folder / "y_rateints.fits", np.full((3, 10, 12), 100.0)),
    )
    before = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(site))
        yield made
    for name in set(sys.modules) - before:
        if name.startswith("lab_"):
            del sys.modules[name]
