"""A reference type of one's own, `stripes`: refused where its rows do not add up to nothing."""

import numpy as np

from iris_core import hookimpl


@hookimpl
def check_reference(reference):
    if reference.reftype != "stripes":
        return []
    table = reference.table()
    if "row" not in table.colnames:
        return [f"it has no column row; its columns are: {', '.join(table.colnames)}"]
    total = float(np.sum(table["row"]))
    return [] if abs(total) < 1e-6 else [f"its rows add up to {total:.3g}, not to 0"]
