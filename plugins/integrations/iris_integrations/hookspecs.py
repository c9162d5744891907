"""The stage this package adds to the framework."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iris_core import Exposure, InstrumentMode, Params, References, stage_spec

if TYPE_CHECKING:
    from collections.abc import Sequence


@stage_spec(status="S_AVGINT", reshapes=True)
def average_integrations(
    exposure: Exposure,
    params: Params,
    references: References,
    background_exposures: Sequence[Exposure],
    instrument: InstrumentMode,
) -> Exposure:
    """Average the integrations of an exposure.

    Units: unchanged; ``(nint, ny, nx)`` becomes ``(ny, nx)``. A variance component that all integrations have in common
    (`Exposure.common`) does not become smaller, the others do. DO_NOT_USE where no integration is usable; the other
    bits of a pixel are those of all its integrations.

    Examples
    --------
    >>> @stage("average_integrations")
    ... def first_integration(exposure):
    ...     planes = {name: plane[0] for name, plane in exposure.variance.items()}
    ...     return exposure.replace(data=exposure.data[0], dq=exposure.dq[0], variance=planes, planes={})
    """
