"""The stage this package adds to the framework."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iris_core import Exposure, InstrumentMode, Params, References, stage_spec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iris_core import Result


@stage_spec(status="S_SRCCAT", tables=("cat",), images=("segm",))
def source_catalog(
    exposure: Exposure,
    params: Params,
    references: References,
    background_exposures: Sequence[Exposure],
    instrument: InstrumentMode,
) -> Result[Exposure]:
    """Find the sources of an image, measure them, and write what the image is worth into its header.

    Units: unchanged; fluxes in Jy where the image is in MJy/sr. No pixel and no DQ bit is changed. The table ``cat``
    has a row for each source, the image ``segm`` the label of the source in each of its pixels.

    Examples
    --------
    >>> @stage("source_catalog")
    ... def brightest_pixel(exposure):
    ...     row, column = np.unravel_index(np.nanargmax(exposure.data), exposure.shape)
    ...     table = Table({"label": [1], "xcentroid": [column], "ycentroid": [row]})
    ...     segm = exposure.replace(data=np.zeros(exposure.shape), variance={})
    ...     return Result(exposure=exposure, tables={"cat": table}, images={"segm": segm})
    """
