"""Bring the modes of a camera; its numbers are in camera.yaml, beside this file."""

from pathlib import Path

from iris_core import hookimpl, load_mode


@hookimpl
def instrument_modes():
    return [load_mode(Path(__file__).with_name("camera.yaml"))]
