"""Declare a stage that no recipe had before, and implement it: subtract the median of each row."""

import numpy as np

from iris_core import Exposure, hookimpl, stage, stage_spec


class Hooks:
    @staticmethod
    @stage_spec(status="S_DESTRP")
    def destripe(exposure, params, references, background_exposures, instrument):
        """Remove the stripes of the readout. Units: unchanged."""


@hookimpl
def add_hookspecs(pluginmanager):
    pluginmanager.add_hookspecs(Hooks)


@stage("destripe")
def remove_stripes(exposure: Exposure) -> Exposure:
    rows = np.nanmedian(exposure.data, axis=-1, keepdims=True)
    return exposure.replace(data=exposure.data - (rows - np.nanmedian(rows))).mask_invalid()
