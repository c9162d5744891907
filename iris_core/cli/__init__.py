"""The command line. Nothing is imported here: an interruption of what is imported for it is a word, no traceback."""

import sys


def main() -> None:
    """Run the command line; the exit code is 0 only where nothing went wrong and all was written."""
    try:
        from iris_core.cli.group import main as iris

        iris()
    except KeyboardInterrupt:  # before, or after, there is somebody who can say more
        sys.stderr.write("interrupted\n")
        sys.exit(130)
