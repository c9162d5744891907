"""The test kit for authors of plugins: exposures and reference files with known truth, fixtures, conformance tests.

Where it is installed, pytest knows the fixtures ``make_exposure``, ``make_reference``, ``plugin_manager``,
``run_stage``, ``run_recipe`` and ``swap_stage``. A class derived from `StageConformance`, `ReaderConformance`,
`WriterConformance`, `ProviderConformance` or `ExecutorConformance` tests everything that a plugin of its kind must do.
"""

from importlib.metadata import version

import lazy_loader

__version__ = version("iris-testkit")

# The public names are in __init__.pyi; each is imported when it is first used: pytest starts without numpy.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
