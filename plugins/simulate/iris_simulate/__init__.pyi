"""The public names of the package, and the modules they come from."""

from ._measure import compare as compare
from ._measure import measure_stars as measure_stars
from ._psf import PSF as PSF
from ._simulation import SimulatedSet as SimulatedSet
from ._simulation import simulate as simulate
from ._spec import SimulationSpec as SimulationSpec
from ._write import WrittenSet as WrittenSet
from ._write import write_set as write_set
