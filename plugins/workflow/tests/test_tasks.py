"""Tasks: the same products as of the whole run, file by file; what they read and write; what is wrong."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from iris_workflow import Estimate, Task, make_workflow
from iris_workflow._tasks import link

from iris_core import Problems, key_of

TWO = {
    "first": [("a_rate.fits", "science"), ("sky1_rate.fits", "background"), ("sky0_rate.fits", "background")],
    "second": [("b_rate.fits", "science"), ("sky2_rate.fits", "background")],
}
GROUPS = {
    "one": [("a_rate.fits", "science"), ("b_rate.fits", "science")],
    "two": [("b_rate.fits", "science"), ("sky0_rate.fits", "science")],
}
SKIES = ["--background", "sky0_rate.fits", "--background", "sky1_rate.fits"]
MANY = ["many.yaml", "--plugin", "mean.py"]


def compare(night: Any, words: list[str], tasks: int) -> list[dict[str, Any]]:
    """Run a plan task by task, and the same as a whole; the products have to be the same, and return the tasks."""
    done = night.iris("run", *words, "--output-dir", "whole")
    assert done.exit_code == 0, done.output
    plan = night.plan(*words, "--output-dir", "out")
    assert len(plan["tasks"]) == tasks
    for task in reversed(plan["tasks"]):
        night.run(task["argv"])
        assert all(Path(path).is_file() for path in (*task["inputs"], *task["outputs"]))
    assert night.hashes("out") == night.hashes("whole")
    named = [Path(path) for task in plan["tasks"] for path in task["outputs"]]
    assert sorted(named) == sorted(Path("out").glob("*.fits"))
    assert [key_of(path) for path in named] == [key_of(Path("whole", path.name)) for path in named]
    found: list[dict[str, Any]] = plan["tasks"]
    return found


def test_exposures_named_one_by_one(night: Any) -> None:
    first, second = compare(night, ["sky.yaml", "a_rate.fits", "b_rate.fits", *SKIES], tasks=2)
    background = ["--background=sky0_rate.fits", "--background=sky1_rate.fits"]
    assert first["argv"] == ["iris", "run", "--output-dir=out", *background, "--", "sky.yaml", "a_rate.fits"]
    assert second["argv"][-1] == "b_rate.fits"
    assert [task["id"] for task in (first, second)] == ["a", "b"]
    assert first["inputs"] == ["a_rate.fits", "sky0_rate.fits", "sky1_rate.fits", "sky.yaml"]
    assert first["outputs"] == ["out/a_cal.fits"]
    assert not Path("iris-tasks").exists()


def test_an_association_of_one_product_is_taken_as_it_is(night: Any) -> None:
    for name, members in TWO.items():
        night.associate(f"{name}.json", {name: members})
    first, second = compare(night, ["sky.yaml", "first.json", "second.json"], tasks=2)
    assert [task["argv"][-1] for task in (first, second)] == ["first.json", "second.json"]
    assert "first.json" in first["inputs"]
    assert not Path("iris-tasks").exists()


def test_each_product_of_an_association_gets_one_of_its_own(night: Any) -> None:
    night.associate("night.json", TWO)
    first, second = compare(night, ["sky.yaml", "night.json"], tasks=2)
    assert [task["argv"][-1] for task in (first, second)] == ["iris-tasks/first.json", "iris-tasks/second.json"]
    written = json.loads(Path("iris-tasks/first.json").read_text())
    assert [one["expname"] for one in written["products"][0]["members"]] == [
        "../a_rate.fits",
        "../sky1_rate.fits",
        "../sky0_rate.fits",
    ]


def test_associations_and_exposures_together(night: Any) -> None:
    night.associate("night.json", TWO)
    night.put("c", 9.0)
    tasks = compare(night, ["sky.yaml", "c_rate.fits", "night.json", *SKIES], tasks=3)
    assert ["--background=sky0_rate.fits" in task["argv"] for task in tasks] == [True, False, False]


def test_exposures_that_are_each_others_background(night: Any) -> None:
    night.put("c", 9.0)
    tasks = compare(night, ["dither.yaml", "a_rate.fits", "b_rate.fits", "c_rate.fits"], tasks=3)
    assert [word for word in tasks[1]["argv"] if "background" in word] == [
        "--background=a_rate.fits",
        "--background=c_rate.fits",
    ]


def test_an_association_whose_background_is_the_other_exposures(night: Any) -> None:
    for name in ("a", "b"):
        night.associate(f"{name}.json", {name: [(f"{name}_rate.fits", "science")]})
    first, _ = compare(night, ["dither.yaml", "a.json", "b.json"], tasks=2)
    assert first["argv"][-1] == "iris-tasks/a.json"


def test_files_named_one_by_one_are_one_group(night: Any) -> None:
    (task,) = compare(night, [*MANY, "b_rate.fits", "a_rate.fits"], tasks=1)
    assert task["argv"][-3:] == ["many.yaml", "b_rate.fits", "a_rate.fits"]
    assert {"mean.py", "many.yaml"} < set(task["inputs"])


def test_a_group_may_take_the_memory_that_is_asked_for_it(night: Any) -> None:
    """A run takes half of what there is by default: too little where an engine gives it what it needs."""
    words = [*MANY, "b_rate.fits", "a_rate.fits", "--output-dir", "out"]
    (task,) = night.plan(*words)["tasks"]
    (given,) = [word for word in task["argv"] if word.startswith("--memory=")]
    assert 64 << 20 <= int(given.removeprefix("--memory=").removesuffix("M")) << 20 < task["memory"]
    (task,) = night.plan(*words, "--memory", "3G")["tasks"]
    assert [word for word in task["argv"] if word.startswith("--memory=")] == ["--memory=3G"]
    assert not [
        word
        for task in night.plan("sky.yaml", "a_rate.fits", *SKIES)["tasks"]
        for word in task["argv"]
        if "memory" in word
    ]


def test_groups_of_an_association(night: Any) -> None:
    night.associate(
        "deep/groups.json", {name: [(f"../{file}", role) for file, role in members] for name, members in GROUPS.items()}
    )
    tasks = compare(night, [*MANY, "deep/groups.json", "--allow-outside"], tasks=2)
    assert [task["outputs"] for task in tasks] == [["out/one_mean.fits"], ["out/two_mean.fits"]]
    assert all(task["argv"].count("--allow-outside") == 1 for task in tasks)


def test_groups_of_a_folder_are_those_of_iris_asn(night: Any) -> None:
    for filter_ in ("Kbb", "H"):
        for number in range(2):
            night.put(f"raw/{filter_}{number}", 3.0, minute=number, FILTER=filter_)
    tasks = compare(night, [*MANY, "raw"], tasks=2)
    assert all(task["argv"][-1] == f"iris-tasks/{task['id']}.json" for task in tasks)


def test_all_options_of_a_run_go_into_each_task(night: Any) -> None:
    odd = 'it\'s a "reason" = -x'
    plan = night.plan("sky.yaml", "--skip", f"background={odd}", "--format=asdf", "--overwrite", "a_rate.fits")
    argv = plan["tasks"][0]["argv"]
    assert argv == [
        "iris",
        "run",
        f"--skip=background={odd}",
        "--format=asdf",
        "--overwrite",
        "--",
        "sky.yaml",
        "a_rate.fits",
    ]


def test_a_plan_says_where_its_commands_are_to_be_run(night: Any, tmp_path: Path) -> None:
    plan = night.plan("sky.yaml", "a_rate.fits", *SKIES)
    assert plan["folder"] == str(tmp_path)
    assert plan["recipe"] == "sky"
    assert list(plan["tasks"][0]) == ["id", "argv", "inputs", "outputs", "after", "seconds", "memory", "bytes"]


def test_products_that_are_kept_have_no_task(night: Any) -> None:
    words = ["sky.yaml", "a_rate.fits", "b_rate.fits", *SKIES, "--output-dir", "out", "--resume"]
    night.run(night.plan(*words)["tasks"][0]["argv"])
    plan = night.plan(*words)
    assert plan["kept"] == 1
    assert [task["id"] for task in plan["tasks"]] == ["b"]
    done = night.iris("plan", *words)
    assert "1 task" in done.stdout
    assert "1 kept" in done.stdout


def test_a_task_may_be_run_again_with_resume(night: Any) -> None:
    (task,) = night.plan("sky.yaml", "a_rate.fits", *SKIES, "--resume")["tasks"]
    night.run(task["argv"])
    before = night.hashes(".")
    night.run(task["argv"])
    assert night.hashes(".") == before


def test_what_is_wrong_is_what_the_check_says(night: Any) -> None:
    Path("cut_rate.fits").write_bytes(Path("a_rate.fits").read_bytes()[:7000])
    night.associate("night.json", {**TWO, "third": [("none_rate.fits", "science")]})
    words = ("sky.yaml", "cut_rate.fits", "night.json")
    checked = night.iris("check", *words, "--json")
    done = night.iris("plan", *words, "--json", "--slurm", "run.sh", "--snakefile", "Snakefile")
    assert (checked.exit_code, done.exit_code) == (1, 1)
    assert json.loads(done.stdout)["problems"] == json.loads(checked.stdout)["problems"]
    assert not {"run.sh", "Snakefile", "iris-tasks"} & set(os.listdir())


def test_an_unknown_option_is_an_error_of_usage(night: Any) -> None:
    assert night.iris("plan", "sky.yaml", "a_rate.fits", "--no-such").exit_code == 2
    assert night.iris("plan", "sky.yaml").exit_code == 2


def test_names_of_tasks_are_plain_and_each_is_there_once(night: Any, odd: Callable[[str], Path]) -> None:
    files = [odd(name) for name in ("x/s 1", "y/s_1", "s_1-2", "s\n1")]
    plan = night.plan("sky.yaml", *files, *SKIES)
    assert [task["id"] for task in plan["tasks"]] == ["s_1", "s_1-2", "s_1-2-2", "s_1-3"]


def test_an_association_that_would_name_another_file_is_refused(night: Any) -> None:
    """A folder that is a link: ``..`` in it leads elsewhere."""
    Path("far/away").mkdir(parents=True)
    Path("tasks").symlink_to("far/away")
    night.associate("night.json", TWO)
    done = night.iris("plan", "sky.yaml", "night.json", "--tasks", "tasks")
    assert done.exit_code == 1
    assert "tasks/first.json" in done.stderr


def test_the_folder_of_associations_may_be_named(night: Any) -> None:
    night.associate("night.json", TWO)
    plan = night.plan("sky.yaml", "night.json", "--tasks", "some/where", "--output-dir", "out")
    assert [task["argv"][-1] for task in plan["tasks"]] == ["some/where/first.json", "some/where/second.json"]
    night.run(plan["tasks"][0]["argv"])


def test_a_second_plan_leaves_associations_that_are_the_same_as_they_are(night: Any) -> None:
    """Their times count in a workflow engine."""
    night.associate("night.json", TWO)
    night.plan("sky.yaml", "night.json")
    os.utime("iris-tasks/first.json", (1e9, 1e9))
    night.plan("sky.yaml", "night.json")
    assert Path("iris-tasks/first.json").stat().st_mtime == 1e9
    night.associate("night.json", {**TWO, "first": TWO["first"][:2]})
    night.plan("sky.yaml", "night.json")
    assert Path("iris-tasks/first.json").stat().st_mtime > 1e9


def test_from_python(night: Any) -> None:
    words = ["--background=sky0_rate.fits", "--output-dir=out"]
    workflow = make_workflow(
        "sky.yaml", Path("a_rate.fits"), words=words[1:], backgrounds=["sky0_rate.fits"], directory="out"
    )
    (task,) = workflow.tasks
    assert task.argv == ("iris", "run", words[1], words[0], "--", "sky.yaml", "a_rate.fits")
    with pytest.raises(Problems):
        make_workflow("sky.yaml", Path("none_rate.fits"))


def task_of(name: str, inputs: list[str], outputs: list[str]) -> Task:
    return Task(
        id=name,
        argv=("iris",),
        inputs=tuple(map(Path, inputs)),
        outputs=tuple(map(Path, outputs)),
        estimate=Estimate(seconds=1, memory=1, bytes=1),
    )


def test_a_task_waits_for_those_that_write_its_inputs(tmp_path: Path) -> None:
    first, second = task_of("first", ["raw"], ["out/a", "out/b"]), task_of("second", ["raw"], ["out/c"])
    both = task_of("both", [str(Path("out/a").absolute()), "out/b", "out/c"], ["out/d"])
    assert link([both, first, second]) == (replace(both, after=("first", "second")), first, second)
