"""Say which files of other detectors there are, where find_reference found none for this one."""

import os
from pathlib import Path

from iris_core import Candidate, hookimpl


@hookimpl
def explain_reference(reftype, exposure):
    folder = Path(os.environ.get("MY_CALIBRATIONS", "calibrations"))
    wanted = exposure.meta.detector
    others = [path for path in sorted(folder.glob(f"*_{reftype}.fits")) if path.stem != f"{wanted}_{reftype}"]
    return [Candidate(path=path, reason=f"its name does not begin with {wanted}") for path in others]
