"""The compiled functions; every array is C-contiguous, and its size and type are checked."""

from collections.abc import Sequence
from typing import Any

TILE_ROWS: int
TILE_COLUMNS: int
MOST_COMPONENTS: int
MOST_IMAGES: int

# Data, DQ, variances; a constant and components; the bits that are not used, and those that are not handed on.
_Planes = tuple[Any, Any, Sequence[Any]]
_Weight = tuple[float, Sequence[Any] | None]
_Bits = tuple[int, int]
# Coefficients, the piece of each row, its place in the piece, number of pieces, quantum, offset x and y.
_Map = tuple[Any, Any, Any, int, float, float, float]
# Data, weight, DQ, variances, shape.
_Grid = tuple[Any, Any, Any, Sequence[Any], tuple[int, int]]

def instructions() -> list[str]: ...
def bounds(instructions: str, shape: tuple[int, int], spline: _Map, bounds: Any, /) -> None: ...
def survey(
    instructions: str,
    shape: tuple[int, int],
    planes: _Planes,
    weight: _Weight,
    bits: _Bits,
    rows: tuple[int, int],
    to: tuple[Any, Any, Any, Any],
    /,
) -> None: ...
def lay_out(
    shape: tuple[int, int],
    spline: _Map,
    pixels: tuple[Any, Any, Any, int],
    points: int,
    size: float,
    to: tuple[Any, Any, int, int],
    /,
) -> None: ...
def drizzle(
    instructions: str,
    shape: tuple[int, int],
    planes: _Planes,
    weight: _Weight,
    bits: _Bits,
    total: bool,
    pixfrac: float,
    spline: _Map,
    bounds: Any,
    grid: _Grid,
    block: tuple[int, int, int, int],
    scratch: Any,
    /,
) -> None: ...
def clip(
    instructions: str,
    layers: tuple[tuple[Any, tuple[Any, ...], Any | None, float, float, float], ...],
    size: int,
    rules: tuple[float, float, float],
    to: tuple[Any, Any, Any, Any],
    /,
) -> None: ...
def interpolate(
    instructions: str,
    image: Any,
    count: Any | None,
    shape: tuple[int, int],
    lines: tuple[Any, Any, Any],
    sizes: tuple[int, int, int],
    rules: tuple[float, float, float],
    to: tuple[Any, Any | None],
    /,
) -> None: ...
