"""Weights of the pixels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from iris_core import Exposure, Image
from iris_resample._drizzle import Weigh

__all__ = ["choose_weights"]

# Of the median of the poisson component: enough pixels for a part in a thousand.
_SAMPLE = 512
# Components whose size follows that of the sources.
_OF_SOURCES = ("poisson", "flat")


def choose_weights(exposure: Exposure, weight_type: str) -> tuple[Weigh, str]:
    """Return what gives the weights of a band, and a note where it is not what was asked for.

    Parameters
    ----------
    exposure
        The exposure.
    weight_type
        ``exptime``: the exposure time [s]. ``ivm``: 1/rnoise. ``ivm-sky``: 1/(all components but poisson and flat
        + the median of poisson, which is the Poisson noise of the sky). The last two in 1/unit2.
    """
    if weight_type == "exptime":
        return _uniform(exposure.meta.exposure_time or 1.0), ""
    if weight_type == "ivm" and _is_positive(exposure, "rnoise"):
        return (lambda variance: 1 / variance["rnoise"]), ""
    if weight_type == "ivm-sky" and "total" not in exposure.variance and exposure.variance:
        return _inverse_sky(_median(exposure.variance.get("poisson"))), ""
    known = ", ".join(exposure.variance) or "none"
    needed = "a component rnoise" if weight_type == "ivm" else "components"
    return _uniform(1.0), f"{weight_type} needs {needed} of the variance (known: {known}); all pixels have weight 1"


def _uniform(weight: float) -> Weigh:
    return lambda _variance: weight


def _inverse_sky(poisson: float) -> Weigh:
    def weigh(variance: Mapping[str, Image]) -> Image:
        others = [plane for name, plane in variance.items() if name not in _OF_SOURCES]
        return np.asarray(1 / sum(others, start=np.full(1, poisson, dtype=np.float32)), dtype=np.float32)

    return weigh


def _is_positive(exposure: Exposure, name: str) -> bool:
    plane = exposure.variance.get(name)
    # Integrations without a valid pixel say nothing against it.
    return plane is not None and bool(np.any(plane > 0) or np.isnan(plane).all())


def _median(plane: Image | None) -> float:
    """Return the median of an evenly spread sample; 0 for None and for a plane without values."""
    if plane is None:
        return 0.0
    row_step, column_step = (max(1, size // _SAMPLE) for size in plane.shape[-2:])
    sample = plane[..., ::row_step, ::column_step]
    valid = sample[np.isfinite(sample)]
    return float(np.median(valid)) if valid.size else 0.0
