"""The command line: the command `main`. An interruption while it is imported is a word, no traceback."""

import sys

try:
    from iris_core.cli.group import main
except KeyboardInterrupt:
    sys.stderr.write("interrupted\n")
    sys.exit(130)

__all__ = ["main"]
