"""The commands that are printed work as they are; a wheel holds what is needed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from click.testing import Result

pytestmark = pytest.mark.slow
Run = Callable[..., subprocess.CompletedProcess[str]]


def run(command: list[str] | str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the variables of an environment of its own, in which iris and pytest are installed.

    All but pytest and hatchling it finds through a path file, which saves downloading it again.
    """
    folder = tmp_path_factory.mktemp("environment")
    assert run([sys.executable, "-m", "venv", str(folder)]).returncode == 0
    (site,) = folder.glob("lib/python*/site-packages")
    here = [path for path in sys.path if path.endswith("site-packages")]
    (site / "here.pth").write_text("".join(f"import site; site.addsitedir({path!r})\n" for path in here))
    variables = {
        **os.environ,
        "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    fetched = run(
        ["pip", "install", "--quiet", "--ignore-installed", "--no-deps", "pytest", "hatchling"], env=variables
    )
    if fetched.returncode:
        pytest.skip(f"no package index can be reached: {fetched.stderr.strip().splitlines()[-1]}")
    return variables


def test_the_commands_that_are_printed_work_as_they_are(
    new_plugin: Callable[..., Result], environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    output = new_plugin("mode", "my-camera", "--reader").output
    commands = output.partition("Next:")[2].split("\n")
    assert [line.strip().split(" ")[0] for line in commands if line.strip()] == ["cd", "pip", "pytest"]
    done = run(["bash", "-ec", "\n".join(commands)], env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed, 1 skipped" in done.stdout
    assert "camera.yaml: placeholders, whose sources are to be filled in: pixel_scale, DET1, J" in done.stdout


def test_a_wheel_has_the_module_with_its_data_and_the_metadata_that_the_other_tests_install(
    packages: dict[str, Any], environment: dict[str, str], tmp_path: Path
) -> None:
    folders = [str(packages[name].folder) for name in ("my-raw-camera", "my-dark")]
    done = run(["pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), *folders], env=environment)
    assert done.returncode == 0, done.stderr
    for path in tmp_path.glob("*.whl"):
        package = packages[path.name.split("-")[0].replace("_", "-")]
        with ZipFile(path) as wheel:
            module = {name for name in wheel.namelist() if name.startswith(f"{package.module}/")}
            written = next(name for name in wheel.namelist() if name.endswith("entry_points.txt"))
            points = wheel.read(written).decode()
        assert module == {f"{package.module}/{path.name}" for path in package.folder.glob(f"{package.module}/*.*")}
        installed = next(package.sites[0].glob("*.dist-info/entry_points.txt")).read_text()
        assert sorted(points.split()) == sorted(installed.split())
