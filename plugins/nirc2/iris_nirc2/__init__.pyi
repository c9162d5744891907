"""The public names of the package, and the modules they come from."""

from .plugin import instrument_modes as instrument_modes
from .plugin import read_exposure as read_exposure
from .plugin import recipes as recipes
