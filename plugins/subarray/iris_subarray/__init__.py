"""Subarrays: parse_subarray_map finds the windows that were read out apart, merge_subarrays puts them back."""

import lazy_loader

# The public names are in __init__.pyi; each is imported when it is first used: `iris --help` needs none of them.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
