"""The public names of the package, and the modules they come from."""

from ._measure import compare as compare
from ._measure import measure_stars as measure_stars
from ._night import Night as Night
from ._night import NightDetector as NightDetector
from ._night import simulate_night as simulate_night
from ._night_spec import NightSpec as NightSpec
from ._night_write import WrittenNight as WrittenNight
from ._night_write import write_night as write_night
from ._psf import PSF as PSF
from ._simulation import SimulatedSet as SimulatedSet
from ._simulation import simulate as simulate
from ._spec import SimulationSpec as SimulationSpec
from ._write import WrittenSet as WrittenSet
from ._write import write_set as write_set
