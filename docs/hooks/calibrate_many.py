"""What is made in memory by a recipe ``my-newest`` is made of exposures without their errors: a quick look."""

from iris_core import hookimpl


@hookimpl
def calibrate_many(run, plan, exposures, backgrounds):
    if run.recipe.name != "my-newest":
        return None
    from iris_core.workers.in_memory import calibrate_in_memory

    return calibrate_in_memory(run, plan, [one.replace(variance={}) for one in exposures], backgrounds)
