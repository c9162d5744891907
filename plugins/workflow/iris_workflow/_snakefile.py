"""A workflow as a Snakefile: one rule for each task, made in a loop over the tasks as data."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from iris_core import InputError
from iris_workflow._estimate import mebibytes, minutes
from iris_workflow._tasks import Task, Workflow

__all__ = ["snakefile"]

_HEAD = """\
# Written by 'iris plan'; a later plan may replace it.
#
#     snakemake --cores 2 --snakefile FILE

workdir: {folder}

TASKS = [
{tasks}
]


rule all:
    input:
        [path for task in TASKS for path in task["outputs"]],


for task in TASKS:

    rule:
        name:
            task["name"]
        input:
            task["inputs"],
        output:
            task["outputs"],
        params:
            command=lambda wildcards, task=task: task["command"],
        resources:
            mem_mb=task["mem_mb"],
            disk_mb=task["disk_mb"],
            runtime=task["runtime"],
        shell:
            "{{params.command}}"
"""


def snakefile(workflow: Workflow) -> str:
    """Return a workflow as a Snakefile; it runs from any folder.

    Parameters
    ----------
    workflow
        The tasks.

    Raises
    ------
    InputError
        When a file has a name that Snakemake cannot take.
    """
    paths = dict.fromkeys(path for task in workflow.tasks for path in (*task.inputs, *task.outputs))
    wrong = [path for path in paths if not _is_taken(workflow.folder / path)]
    if wrong:
        names = ", ".join(repr(str(path)) for path in wrong)
        raise InputError(f"{names}: Snakemake takes no path with braces, line breaks, or bytes that are no UTF-8")
    tasks = [ascii(_plain(task, number, workflow.folder)) for number, task in enumerate(workflow.tasks)]
    return _HEAD.format(folder=ascii(str(workflow.folder)), tasks="\n".join(f"    {task}," for task in tasks))


def _is_taken(path: Path) -> bool:
    """Whether Snakemake takes a path: braces are wildcards to it, also doubled, and its records are UTF-8."""
    text = str(path)
    return not any(one in "{}" or one in "\r\n" or "\udc80" <= one <= "\udcff" for one in text)


def _plain(task: Task, number: int, folder: Path) -> dict[str, Any]:
    """Return what the rule of a task needs."""
    return {
        "name": f"task_{number}",
        "inputs": [str(folder / path) for path in task.inputs],
        "outputs": [str(folder / path) for path in task.outputs],
        "command": shlex.join(task.argv),
        "mem_mb": mebibytes(task.estimate.memory),
        "disk_mb": mebibytes(task.estimate.bytes),
        "runtime": minutes(task.estimate.seconds),
    }
