"""Log the median of the pixels after every stage, in recipes that list this plugin under ``with:``."""

import logging

import numpy as np

from iris_core import hookimpl

LOG = logging.getLogger(__name__)


@hookimpl(wrapper=True)
def run_stage(step, exposure):
    result = yield
    LOG.info("%s after %s: median %.4g %s", exposure.name, step.stage, np.nanmedian(result.data), result.unit)
    return result
