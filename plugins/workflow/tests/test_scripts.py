"""The Snakefile and the Slurm script: odd names as they are, what cannot be said refused, other files left alone."""

from __future__ import annotations

import ast
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from iris_workflow import Estimate, Task, Workflow, slurm_script, snakefile
from iris_workflow._files import write_generated
from iris_workflow.cli import plan as plan_command

from iris_core import InputError

SKIES = ["--background", "sky0_rate.fits"]
ODD = ["two  blanks", "it's", 'a "quote"', "back\\slash", "-dash", "$(touch pwned)", "`touch pwned`", "*", "ü", "#;&|"]
WORSE = ["new\nline", "{brace}", os.fsdecode(b"\xff")]
NAMES = st.text(st.characters(exclude_characters="\0/{}\r\n", exclude_categories=["Cs"]), min_size=1).filter(
    lambda name: name not in (".", "..")
)


def environment() -> dict[str, str]:
    """Return the environment of a job, in which `iris` is that of these tests."""
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def bash(script: str, number: object) -> subprocess.CompletedProcess[str]:
    given_ = {**environment(), "SLURM_ARRAY_TASK_ID": str(number)}
    return subprocess.run(["bash", script], env=given_, capture_output=True, text=True, check=False)


def workflow_of(
    *names: str, after: tuple[str, ...] = (), folder: str = "/some where/it's", recipe: str = "r"
) -> Workflow:
    tasks = [
        Task(
            id=f"t{number}",
            argv=("iris", "run", "--", "r.yaml", name),
            inputs=(Path(name),),
            outputs=(Path("out", name),),
            after=after,
            estimate=Estimate(seconds=60.0 * (number + 1), memory=(number + 1) << 30, bytes=number << 20),
        )
        for number, name in enumerate(names)
    ]
    return Workflow(recipe=recipe, folder=Path(folder), tasks=tuple(tasks))


def tasks_in(text: str) -> list[dict[str, Any]]:
    """Return the data of a Snakefile, read as Python reads it."""
    literal = text[text.index("TASKS = [") + len("TASKS = ") : text.index("\n]\n") + 2]
    found: list[dict[str, Any]] = ast.literal_eval(literal)
    return found


def test_each_number_of_the_array_makes_its_products(night: Any, odd: Callable[[str], Path], tmp_path: Path) -> None:
    files = [odd(name) for name in ('it\'s a "night"', "-$(touch pwned)\\", *WORSE)]
    words = ["sky.yaml", *SKIES, "--output-dir", "o ut", "--slurm", "run.sh", "--", *files]
    assert night.iris("plan", *words).exit_code == 0
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    os.chdir(elsewhere)
    for number, path in enumerate(files):
        done = bash(str(tmp_path / "run.sh"), number)
        assert done.returncode == 0, done.stderr
        made = path.name.replace("_rate", "_cal")
        assert made in os.listdir(tmp_path / "o ut")
        assert len([*(tmp_path / "o ut").glob("*.fits")]) == number + 1
    assert not [*tmp_path.rglob("pwned")]


def test_a_number_that_has_no_task_and_a_command_that_fails_are_errors(night: Any) -> None:
    assert night.iris("plan", "sky.yaml", *SKIES, "a_rate.fits", "--slurm", "run.sh").exit_code == 0
    for wrong in (1, -1, "x"):
        done = bash("run.sh", wrong)
        assert done.returncode == 2
        assert f"no task {wrong}" in done.stderr
    Path("a_rate.fits").unlink()
    assert bash("run.sh", 0).returncode == 1


def test_an_array_asks_for_what_its_largest_task_takes() -> None:
    text = slurm_script(workflow_of("a", "b", "c", recipe="deep 'n\nodd"))
    asked = dict(re.findall(r"^#SBATCH --([\w-]+)=(.*)$", text, re.M))
    assert asked["array"] == "0-2"
    assert asked["mem"] == "3072M"
    assert asked["time"] == "6"
    assert asked["job-name"] == "iris-deep_n_odd"


def test_an_array_has_no_order_and_is_not_empty() -> None:
    with pytest.raises(InputError, match="t0, t1"):
        slurm_script(workflow_of("a", "b", after=("t9",)))
    with pytest.raises(InputError, match="no task"):
        slurm_script(workflow_of())


@given(st.lists(NAMES, max_size=4))
def test_a_shell_and_python_read_names_as_they_are(names: list[str]) -> None:
    made = workflow_of(*names)
    data = tasks_in(snakefile(made))
    assert [shlex.split(one["command"]) for one in data] == [list(task.argv) for task in made.tasks]
    assert [one["inputs"] for one in data] == [[str(made.folder / name)] for name in names]
    assert [one["outputs"] for one in data] == [[str(made.folder / "out" / name)] for name in names]


def test_a_snakefile_says_what_each_task_takes() -> None:
    text = snakefile(workflow_of("a", "b"))
    assert [(one["mem_mb"], one["disk_mb"], one["runtime"]) for one in tasks_in(text)] == [(1024, 0, 5), (2048, 1, 5)]
    assert 'workdir: "/some where/it\'s"' in text


@pytest.mark.parametrize("name", WORSE)
def test_names_that_snakemake_cannot_take_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="Snakemake takes no path"):
        snakefile(workflow_of("good", name))
    with pytest.raises(InputError, match="Snakemake takes no path"):
        snakefile(workflow_of("good", folder=f"/a/{name}"))


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_options_of_a_task_are_read_as_they_were_given(value: str) -> None:
    words = ["--skip", f"flat_field={value}", "--save", value, "--save", "x", f"--output-dir={value}", "--resume"]
    ctx = plan_command.make_context("plan", ["r.yaml", "x_rate.fits", *words, "--json"], resilient_parsing=True)
    (kept,) = ctx.meta.values() if len(ctx.meta) == 1 else [ctx.meta["iris_workflow.words"]]
    assert kept == [f"--skip=flat_field={value}", f"--save={value}", "--save=x", f"--output-dir={value}", "--resume"]
    again = plan_command.make_context("plan", [*kept, "--", "r.yaml", "x_rate.fits"], resilient_parsing=True)
    assert again.params | {"as_json": True} == ctx.params


def test_a_file_of_somebody_else_is_not_replaced(night: Any) -> None:
    words = ("plan", "sky.yaml", *SKIES, "a_rate.fits", "--slurm", "sky.yaml")
    done = night.iris(*words)
    assert done.exit_code == 1
    assert "sky.yaml exists" in done.stderr
    assert Path("sky.yaml").read_text().startswith("recipe: 1")


def test_a_plan_replaces_what_a_plan_wrote(night: Any) -> None:
    for files in (["a_rate.fits"], ["a_rate.fits", "b_rate.fits"]):
        words = ("sky.yaml", *SKIES, *files, "--slurm", "run.sh", "--snakefile", "Snakefile")
        done = night.iris("plan", *words)
        assert done.exit_code == 0
        assert "-> Snakefile\n-> run.sh" in done.stdout
    assert "--array=0-1" in Path("run.sh").read_text()
    assert len(tasks_in(Path("Snakefile").read_text())) == 2


def test_a_folder_in_the_place_of_a_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        write_generated(tmp_path, "iris plan")


@pytest.mark.slow
def test_snakemake_makes_the_products_of_a_run(night: Any, odd: Callable[[str], Path], tmp_path: Path) -> None:
    """With odd names, an association of two products, two jobs at a time; a second run has nothing to do."""
    program = shutil.which("snakemake")
    if program is None:
        pytest.skip("snakemake is not installed: pip install snakemake, then make test-slow")
    members = [("b_rate.fits", "science"), ("sky1_rate.fits", "background")]
    night.associate("night.json", {"first": members, "second": members})
    words = ["sky.yaml", *SKIES, "night.json", *(odd(name) for name in ODD)]
    assert night.iris("run", *words[:4], "--output-dir", "whole", "--", *words[4:]).exit_code == 0
    planned = ("--output-dir", "o ut", "--resume", "--snakefile", "Snakefile", "--", *words[4:])
    assert night.iris("plan", *words[:4], *planned).exit_code == 0
    command = [program, "--cores", "2", "--snakefile", str(tmp_path / "Snakefile"), "--directory", str(tmp_path)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(night.hashes("o ut")) == len(ODD) + 2
    assert night.hashes("o ut") == night.hashes("whole")
    assert not [*tmp_path.rglob("pwned")]
    again = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    assert again.returncode == 0
    assert "Nothing to be done" in again.stderr
