"""A workflow as an array script for Slurm: the number of the array chooses the command."""

from __future__ import annotations

import re
import shlex

from iris_core import InputError
from iris_workflow._estimate import mebibytes, minutes
from iris_workflow._tasks import Workflow

__all__ = ["slurm_script"]

_SCRIPT = """\
#!/bin/bash
# Written by 'iris plan'; a later plan may replace it.
#
#     sbatch FILE
#
#SBATCH --job-name=iris-{name}
#SBATCH --array=0-{last}
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=1
#SBATCH --mem={memory}M
#SBATCH --time={minutes}

set -eu
cd -- {folder}
case "$SLURM_ARRAY_TASK_ID" in
{cases}
*)
    echo "no task $SLURM_ARRAY_TASK_ID: they are 0 to {last}" >&2
    exit 2
    ;;
esac
"""


def slurm_script(workflow: Workflow) -> str:
    """Return a workflow as an array script for Slurm; its limits are those of the largest task.

    Parameters
    ----------
    workflow
        The tasks.

    Raises
    ------
    InputError
        When a task has to wait for another one, which an array cannot say, or there is none.
    """
    tasks = workflow.tasks
    waiting = [task.id for task in tasks if task.after]
    if waiting:
        raise InputError(f"an array of Slurm has no order, and tasks wait for others: {', '.join(waiting)}")
    if not tasks:
        raise InputError("there is no task to make an array of: all products are kept")
    return _SCRIPT.format(
        name=re.sub(r"[^A-Za-z0-9_.-]+", "_", workflow.recipe),
        last=len(tasks) - 1,
        memory=mebibytes(max(task.estimate.memory for task in tasks)),
        minutes=minutes(max(task.estimate.seconds for task in tasks)),
        folder=shlex.quote(str(workflow.folder)),
        cases="\n".join(f"{number})\n    exec {shlex.join(task.argv)}\n    ;;" for number, task in enumerate(tasks)),
    )
