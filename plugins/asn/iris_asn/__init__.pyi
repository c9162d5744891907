"""The public names of the package, and the modules they come from."""

from ._group import Grouping as Grouping
from ._group import Member as Member
from ._group import Product as Product
from ._group import group_exposures as group_exposures
