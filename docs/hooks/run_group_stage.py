"""Log how many exposures every stage of many is given, in recipes that list this plugin under ``with:``."""

import logging

from iris_core import hookimpl

LOG = logging.getLogger(__name__)


@hookimpl(wrapper=True)
def run_group_stage(step, exposures):
    LOG.info("%s: %d exposures, %s", step.stage, len(exposures), ", ".join(sorted(set(exposures.roles))))
    return (yield)
