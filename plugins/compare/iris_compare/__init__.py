"""Compares products with each other and with what would be made now, and implementations of a stage."""

import lazy_loader

# The public names are in __init__.pyi; each is imported when it is first used: `iris --help` needs none of them.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
