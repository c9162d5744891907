"""Compare the science image of a product with that of another program, to see that both did the same work.

python agreement.py PRODUCT OTHER     (in an environment with astropy)

Prints the share of the product's pixels that the other has, too, and the 99th percentile of the difference in units
of the product's ERR.
"""

from __future__ import annotations

import json
import sys

import numpy as np
from astropy.io import fits


def main() -> None:
    """Print the comparison."""
    with fits.open(sys.argv[1]) as ours, fits.open(sys.argv[2]) as theirs:
        first, second = ours["SCI"].data.astype("f4"), theirs["SCI"].data.astype("f4")
        error = ours["ERR"].data.astype("f4")
    both = np.isfinite(first) & np.isfinite(second) & (error > 0)
    pull = np.abs(first[both] - second[both]) / error[both]
    found = {"pixels": float(both.sum() / np.isfinite(first).sum()), "difference": float(np.percentile(pull, 99))}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
