"""The public names of the package, and the modules they come from."""

from ._map import find_windows as find_windows
from ._merge import merge_parts as merge_parts
from .plugin import check_group as check_group
from .plugin import check_map as check_map
from .plugin import merge_group as merge_group
from .plugin import merge_subarrays as merge_subarrays
from .plugin import parse_subarray_map as parse_subarray_map
