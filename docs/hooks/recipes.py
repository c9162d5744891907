"""Bring a recipe, my-dither.yaml beside this file; users run it by name."""

from pathlib import Path

from iris_core import hookimpl


@hookimpl
def recipes():
    return {"my-dither": Path(__file__).with_name("my-dither.yaml")}
