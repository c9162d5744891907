"""Subtract the dark; the framework does not call this where the background has taken the dark current with it."""

from iris_core import Exposure, References, stage


@stage("dark_current", references=("dark",))
def subtract_dark(exposure: Exposure, references: References) -> Exposure:
    dark = references["dark"].image(exposure)
    result = exposure.replace(data=exposure.data - dark.data, dq=exposure.dq | dark.dq)
    return result.add_variance("dark", dark.err**2).mask_invalid()
