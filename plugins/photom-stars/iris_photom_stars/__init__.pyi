"""The public names of the package, and the modules they come from."""

from ._aperture import Apertures as Apertures
from ._detect import measure_width as measure_width
from ._detect import without_background as without_background
from ._field import on_sky as on_sky
from ._frame import Frame as Frame
from ._frame import box as box
from ._frame import discs as discs
from ._frame import frame_of as frame_of
from ._growth import Growth as Growth
from ._growth import best_growth as best_growth
from ._growth import given_growth as given_growth
from ._neighbours import Sources as Sources
from ._params import ZeroPointParams as ZeroPointParams
from ._product import Measured as Measured
from ._product import measure_product as measure_product
from ._psf import psf_growth as psf_growth
from .plugin import calibrate_with_stars as calibrate_with_stars
from .plugin import check_stars as check_stars
