"""The public names of the package, and the modules they come from."""

from ._params import ZeroPointParams as ZeroPointParams
from ._product import Measured as Measured
from ._product import measure_product as measure_product
from .plugin import calibrate_with_stars as calibrate_with_stars
from .plugin import check_stars as check_stars
