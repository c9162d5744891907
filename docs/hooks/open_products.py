"""Products of a recipe ``my-archive`` go into a folder for each suffix: ``cal/``, ``i2d/``."""

from iris_core import hookimpl


class ByKind:
    """The framework's own products, each kind in a folder of its own."""

    def __init__(self, products):
        self.products = products
        self.obstacles, self.conflicts, self.write = products.obstacles, products.conflicts, products.write

    def name(self, job, outline, suffix):
        path = self.products.name(job, outline, suffix)
        return path.parent / suffix / path.name


@hookimpl
def open_products(recipe, plugins):
    if recipe.name != "my-archive":
        return None
    from iris_core.io.files import ProductFiles

    return ByKind(ProductFiles(recipe, plugins))
