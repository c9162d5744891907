"""A type of reference file of one's own: an image of ghosts, chosen by detector and filter."""

from iris_core import ReferenceType, hookimpl


@hookimpl
def reference_types():
    selectors = ("INSTRUME", "DETECTOR", "FILTER")
    return [ReferenceType(name="ghosts", selectors=selectors, stated=selectors, quantity="rate")]
