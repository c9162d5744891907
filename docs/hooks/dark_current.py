"""Subtract the dark, unless it went with the background."""

from iris_core import Exposure, References, stage


@stage("dark_current", references=("dark",))
def subtract_dark(exposure: Exposure, references: References) -> Exposure:
    if exposure.sci_header.get("BKG_DARK"):
        return exposure.note("dark removed with the background")
    dark = references["dark"].image(exposure)  # cut to the window of the exposure
    result = exposure.replace(data=exposure.data - dark.data, dq=exposure.dq | dark.dq)
    return result.add_variance("dark", 0.0 if dark.err is None else dark.err**2).mask_invalid()
