"""The public names of the kit, and the modules they come from."""

from ._executors import ExecutorConformance as ExecutorConformance
from ._groups import GroupStageConformance as GroupStageConformance
from ._groups import run_group as run_group
from ._make import iris_mode as iris_mode
from ._make import make_exposure as make_exposure
from ._make import make_reference as make_reference
from ._providers import ProviderConformance as ProviderConformance
from ._readers import ReaderConformance as ReaderConformance
from ._run import run_recipe as run_recipe
from ._run import run_stage as run_stage
from ._stages import StageConformance as StageConformance
from ._truth import FileTruth as FileTruth
from ._truth import ImageTruth as ImageTruth
from ._truth import add_wcs as add_wcs
from ._truth import bent_nodes as bent_nodes
from ._truth import cut_window as cut_window
from ._writers import WriterConformance as WriterConformance

__version__: str
