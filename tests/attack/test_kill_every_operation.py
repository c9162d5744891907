"""Each operation on a file is killed once, and fails once with each error of a disk; what is written stays whole.

Of `iris run`, `references add` and `remove`, `asn`, `simulate` and `demo`. After each fault: no file under a final name
that is not whole, no traceback, no hang; the next command succeeds, and removes what the killed one has left.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from iris_references import list_references

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="a process that can be forked is needed"),
]

KINDS = ("kill", "ENOSPC", "EACCES", "EIO")
SEED = 20261128
Ask = Callable[..., dict[str, Any]]


@dataclass(frozen=True)
class Command:
    """A command whose operations fail; `again` has to succeed after that; `sample` faults are tried by default."""

    arguments: tuple[str, ...]
    again: tuple[str, ...]
    sample: int


SIMULATE = ("simulate", "--out", "new", "--size", "32", "--stars", "1", "--margin", "8", "--overwrite")
RUN = ("run", "two.yaml", "x_rate.fits", "--reference", "store=references", "--output-dir", "out", "--overwrite")
ADD = (
    "references",
    "add",
    "changed/flat.fits",
    "changed/dark.fits",
    "changed/area.fits",
    "--store",
    "store",
    "--replace",
)
ASN = ("asn", "x_rate.fits", "y_rate.fits", "-o", "night.json", "--overwrite")
DEMO = ("demo", "--out", "demo", "--size", "96", "--overwrite")
REMOVE = ("references", "remove", "flat.fits", "--delete", "--store", "store")
COMMANDS = {
    "run": Command(RUN, RUN, 16),
    "add": Command(ADD, ADD, 16),
    "remove": Command(REMOVE, ADD, 6),
    "asn": Command(ASN, ASN, 8),
    "simulate": Command(SIMULATE, SIMULATE, 6),
    "demo": Command(DEMO, DEMO, 1),
}


@pytest.fixture(scope="module")
def ask() -> Iterator[Ask]:
    """Return a function that runs a command in a folder with a fault, and tells how it ended."""
    code = [sys.executable, str(Path(__file__).with_name("fault_server.py"))]
    with subprocess.Popen(code, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"

        def call(folder: Path, arguments: Sequence[str], kind: str = "", at: float = 0) -> dict[str, Any]:
            order = {"folder": str(folder), "arguments": arguments, "fault": {"kind": kind, "at": at}}
            process.stdin.write(json.dumps(order) + "\n")  # type: ignore[union-attr]
            process.stdin.flush()  # type: ignore[union-attr]
            found: dict[str, Any] = json.loads(process.stdout.readline())  # type: ignore[union-attr]
            return found

        yield call
        process.stdin.close()
    assert process.returncode == 0


@pytest.fixture(scope="module")
def start(ask: Ask, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with exposures, references, a store, and what each of the commands has made once."""
    from astropy.io import fits

    folder = tmp_path_factory.mktemp("start")
    assert ask(folder, SIMULATE)["code"] == 0
    (exposure,) = (folder / "new").glob("*_rate.fits")
    (folder / "references").mkdir()
    (folder / "changed").mkdir()
    for path in (folder / "new" / "references").glob("*.fits"):
        kind = path.name.split("_")[2].split("-")[0].lower()
        shutil.copy(path, folder / "references" / f"{kind}.fits")
        with fits.open(path) as hdus:
            hdus[0].header["DESCRIP"] = "changed"
            hdus.writeto(folder / "changed" / f"{kind}.fits")
    for name in ("x", "y"):
        shutil.copy(exposure, folder / f"{name}_rate.fits")
    (folder / "two.yaml").write_text("recipe: 1\nname: two\nsteps: [dark_current: {save: dark}, flat_field]\n")
    old = sorted(str(path) for path in (folder / "references").iterdir())
    for arguments in (("references", "add", *old, "--store", "store"), RUN, ASN):
        made = ask(folder, arguments)
        assert made["code"] == 0, made["output"]
    return folder


@pytest.fixture(params=COMMANDS)
def command(request: pytest.FixtureRequest) -> Command:
    return COMMANDS[request.param]


@dataclass
class Trial:
    """One fault of a command, in a folder of its own."""

    ask: Ask
    start: Path
    folder: Path
    command: Command

    def __call__(self, kind: str, at: float) -> None:
        """Have the command fail, look at what is there, and run the next one."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.start, self.folder)
        where = f"{self.command.arguments[:2]}, {kind} at {at:g}"
        failed = self.ask(self.folder, self.command.arguments, kind, at)
        assert failed["code"] in (0, 1, -signal.SIGKILL, -signal.SIGXFSZ), (where, failed["output"])
        assert failed["code"] != -signal.SIGKILL or kind in ("kill", "time"), f"{where}: it hangs"
        assert "Traceback" not in failed["output"], (where, failed["output"])
        for path in visible(self.folder):
            check_whole(path, where)
        check_store(self.folder / "store", where)
        again = self.ask(self.folder, self.command.again)
        assert again["code"] == 0, (where, again["output"])
        assert hidden(self.folder) == [], where
        for path in visible(self.folder):
            check_whole(path, where)


def visible(folder: Path) -> list[Path]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return [path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts)]


def hidden(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.name.startswith(".") or path.name.endswith("-journal")]


def check_whole(path: Path, where: str) -> None:
    """Read a file to its end."""
    try:
        READ.get(path.suffix, Path.read_bytes)(path)
    except Exception as error:
        pytest.fail(f"{path.name} is not whole after {where}: {error!r}")


def read_fits(path: Path) -> None:
    from astropy.io import fits

    with fits.open(path, checksum=True) as hdus:
        assert "DQ" in hdus
        assert all(hdu.data is not None for hdu in hdus[1:])


def read_asdf(path: Path) -> None:
    import asdf

    with asdf.open(path, lazy_load=False) as file:
        assert "model" in file.tree


def read_table(path: Path) -> None:
    from astropy.table import Table

    assert len(Table.read(path, format="ascii.ecsv")) > 0


def read_picture(path: Path) -> None:
    assert path.read_bytes()[-8:-4] == b"IEND"


READ: dict[str, Callable[[Path], object]] = {
    ".fits": read_fits,
    ".asdf": read_asdf,
    ".ecsv": read_table,
    ".json": lambda path: json.loads(path.read_text()),
    ".png": read_picture,
}


def check_store(store: Path, where: str) -> None:
    """All files are old, or those of the change are new; the index knows them as they are."""
    listed = [one for one in list_references(store, verify=True) if "not in the index" not in one.problem]
    assert [one.problem for one in listed] == [""] * len(listed), where
    changed = sorted(one.entry.name for one in listed if one.entry.header["DESCRIP"] == "changed")
    assert changed in ([], ["area.fits", "dark.fits", "flat.fits"]), where


@pytest.fixture
def trial(ask: Ask, start: Path, tmp_path: Path, command: Command) -> Trial:
    return Trial(ask, start, tmp_path / "work", command)


def state(trial: Trial, what: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Tell how much was tried."""
    with capsys.disabled():
        sys.stdout.write(f"\n{' '.join(trial.command.arguments[:2])}: {what}\n")


def operations(trial: Trial) -> int:
    shutil.copytree(trial.start, trial.folder)
    return len(trial.ask(trial.folder, trial.command.arguments)["operations"])


def test_some_operations_fail(trial: Trial, capsys: pytest.CaptureFixture[str]) -> None:
    count = operations(trial)
    draw = random.Random(SEED)
    faults = [(draw.choice(KINDS), draw.randint(1, count)) for _ in range(trial.command.sample)]
    for kind, at in faults:
        trial(kind, at)
    state(trial, f"{len(faults)} faults in {count} operations", capsys)


@pytest.mark.acceptance
def test_every_operation_fails(trial: Trial, capsys: pytest.CaptureFixture[str]) -> None:
    """Each in each way; of the demonstration, which is simulate and run, in one of them."""
    count, tried = operations(trial), 0
    for at in range(1, count + 1):
        kinds = KINDS if trial.command.arguments[0] != "demo" else (KINDS[at % len(KINDS)],)
        for kind in kinds:
            trial(kind, at)
            tried += 1
    state(trial, f"{tried} faults in {count} operations", capsys)


WRITING = [COMMANDS[name] for name in ("run", "add", "simulate")]


def sizes(number: int) -> list[int]:
    """Return lengths at which a file is cut, from nothing to that of a product."""
    draw = random.Random(SEED)
    return [0, *(int(10 ** draw.uniform(1, 4.7)) for _ in range(number - 1))]


@pytest.mark.parametrize("kind", ["write-kill", "write-EFBIG"])
@pytest.mark.parametrize("command", WRITING, ids=lambda command: command.arguments[0])
def test_a_disk_that_is_full_in_the_middle_of_a_file(
    trial: Trial, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lengths = sizes(3)
    for length in lengths:
        trial(kind, length)
    state(trial, f"{len(lengths)} times {kind}", capsys)


@pytest.mark.parametrize("command", WRITING[:2], ids=["run", "add"])
def test_killed_at_some_moments(trial: Trial, capsys: pytest.CaptureFixture[str]) -> None:
    kill_at_random(trial, 5, capsys)


@pytest.mark.acceptance
@pytest.mark.parametrize("command", WRITING[:2], ids=["run", "add"])
def test_killed_at_a_hundred_moments(trial: Trial, capsys: pytest.CaptureFixture[str]) -> None:
    kill_at_random(trial, 100, capsys)


def kill_at_random(trial: Trial, number: int, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(trial.start, trial.folder)
    seconds = trial.ask(trial.folder, trial.command.arguments)["seconds"]
    draw = random.Random(SEED)
    for _ in range(number):
        trial("time", draw.uniform(0, 1.1 * seconds))
    state(trial, f"{number} times killed", capsys)


def test_a_run_that_is_interrupted_from_the_keyboard_leaves_nothing_behind(
    install: Callable[..., None], write_exposure: Callable[..., Path], write_recipe: Callable[..., Path], tmp_path: Path
) -> None:
    """SIGINT ends `iris run` while a stage is at work: no product, no part of one."""
    install(
        "lab-slow",
        "import sys, time\nfrom iris_core import stage\n@stage('flat_field')\ndef slow(exposure):\n"
        "    print('at work', file=sys.stderr, flush=True)\n    time.sleep(60)\n",
    )
    code = "from iris_core.cli import main; main()"
    arguments = ["run", str(write_recipe()), str(write_exposure())]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site"), "IRIS_LOAD_PLUGINS": "lab-slow,iris-imager"}
    command = [sys.executable, "-W", "ignore", "-c", code, *arguments]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "at work\n"
        process.send_signal(signal.SIGINT)
        output = process.stderr.read()
    assert process.returncode not in (0, None)
    assert "Traceback" not in output
    assert [path.name for path in tmp_path.glob("*x_*")] == ["x_rate.fits"]
    assert not list(tmp_path.glob(".*"))
