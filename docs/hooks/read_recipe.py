"""Recipes in TOML: the same keys as in YAML."""

import tempfile
import tomllib
from pathlib import Path

from iris_core import hookimpl


@hookimpl
def read_recipe(recipe, overrides, plugins):
    if not str(recipe).endswith(".toml"):
        return None
    import yaml

    path = Path(str(recipe))
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / f"{path.stem}.yaml"
        copy.write_text(yaml.safe_dump(tomllib.loads(path.read_text())))
        return plugins.ask_one("read_recipe", copy, recipe=str(copy), overrides=overrides, plugins=plugins)
