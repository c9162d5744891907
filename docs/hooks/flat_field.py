"""Divide by a flat that is normalised on the way: its median becomes 1."""

import numpy as np

from iris_core import DQ, Exposure, References, stage


@stage("flat_field", references=("flat",))
def divide(exposure: Exposure, references: References) -> Exposure:
    flat = references["flat"].image(exposure)
    bad = ~(flat.data > 0)  # NaN too
    factor = np.where(bad, np.nan, flat.data / np.nanmedian(flat.data))
    return exposure.scale(1 / factor).flag(bad, DQ.NO_FLAT_FIELD | DQ.DO_NOT_USE).mask_invalid()
