"""The page of the commands, those of installed packages included."""

from __future__ import annotations

PAGE = """\
# Commands

Those that start with `iris` and are not of the core come with the packages of this repository.

```{eval-rst}
.. click:: iris_core.cli:main
   :prog: iris
   :nested: full
```
"""


def page() -> str:
    """Return the page; the commands and their options are read when the site is built."""
    return PAGE
