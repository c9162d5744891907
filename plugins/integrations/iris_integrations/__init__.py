"""The mean of the integrations of an exposure, with true errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from iris_core import Exposure, Params, StageSkipped, parameter, stage
from iris_integrations.hookspecs import average_integrations

if TYPE_CHECKING:
    from iris_core import Doubles
    from iris_integrations._mean import Mean

__all__ = ["AverageParams", "average", "average_integrations", "check_integrations"]

# Components that are known to be new in each integration.
_OWN = frozenset({"poisson", "rnoise"})


class AverageParams(Params):
    """Parameters of ``average_integrations``."""

    weight: Literal["equal", "variance"] = parameter(
        "equal",
        "Weight of an integration: equal, or 1 over the median variance of its own, one number for all its pixels.",
    )


def check_integrations(exposure: Exposure) -> Exposure:
    """Return the outline of the mean; raise `StageSkipped` where there is one image only."""
    if not exposure.is_integrations:
        raise StageSkipped("a single image, no integrations")
    planes = {name: plane[0] for name, plane in exposure.variance.items()}
    return exposure.replace(data=exposure.data[0], dq=exposure.dq[0], variance=planes, planes=_kept(exposure))


@stage("average_integrations", params=AverageParams, check=check_integrations)
def average(exposure: Exposure, params: AverageParams) -> Exposure:
    """Average the integrations of an exposure: each pixel over those in which it is usable.

    Parameters
    ----------
    exposure
        ``(nint, ny, nx)``, in any unit.
    params
        See there.

    Returns
    -------
    Exposure
        ``(ny, nx)``, in the same unit. NINTS, EXPTIME and EFFINTTM stay those of the exposure. A variance component is
        that of the mean: with a share w_i of integration i, ``sum w_i^2 v_i`` for what is new in each, and
        ``(sum w_i sqrt(v_i))^2`` for what `Exposure.common` names. A plane of the cube's shape is dropped.

    Raises
    ------
    StageSkipped
        When the exposure is a single image.
    """
    from iris_integrations._mean import average_cube

    check_integrations(exposure)
    mean = average_cube(exposure, _weights(exposure, params))
    planes = _kept(exposure)
    averaged = exposure.replace(data=mean.data, dq=mean.dq, variance=mean.variance, planes=planes).mask_invalid()
    for note in _notes(exposure, mean):
        averaged = averaged.note(note)
    return averaged


def _kept(exposure: Exposure) -> dict[str, object]:
    return {name: plane for name, plane in exposure.planes.items() if plane.shape != exposure.data.shape}


def _weights(exposure: Exposure, params: AverageParams) -> Doubles:
    from iris_integrations._mean import equal_weights, weights_of_variance

    own = [plane for name, plane in exposure.variance.items() if name not in exposure.common]
    return weights_of_variance(own) if params.weight == "variance" and own else equal_weights(len(exposure.data))


def _notes(exposure: Exposure, mean: Mean) -> list[str]:
    number = len(exposure.data)
    shared = sorted(exposure.common & exposure.variance.keys())
    notes = [f"mean of {number} integrations" + (f"; common to them: {', '.join(shared)}" if shared else "")]
    if mean.incomplete:
        notes.append(f"{mean.incomplete} pixels are the mean of fewer than {number} integrations")
    if unknown := sorted(exposure.variance.keys() - exposure.common - _OWN):
        notes.append(
            f"the variance {', '.join(unknown)} was taken to be independent in each integration: whether a part of it "
            f"is common to them is not recorded"
        )
    if lost := sorted(exposure.planes.keys() - _kept(exposure).keys()):
        notes.append(f"planes of single integrations were dropped: {', '.join(lost)}")
    return notes
