"""A plugin framework that calibrates exposures of near-infrared imagers."""

import lazy_loader

__version__ = "0.2.0"

# The public names are in __init__.pyi; each is imported when it is first used: `iris --help` needs none of them.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
