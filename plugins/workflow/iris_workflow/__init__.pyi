"""The public names of the package, and the modules they come from."""

from ._estimate import Estimate as Estimate
from ._estimate import estimate as estimate
from ._slurm import slurm_script as slurm_script
from ._snakefile import snakefile as snakefile
from ._tasks import Task as Task
from ._tasks import Workflow as Workflow
from ._tasks import make_workflow as make_workflow
