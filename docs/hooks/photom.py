"""One conversion factor, given in the recipe: for a camera with a single filter."""

from iris_core import Exposure, Params, parameter, parse_unit, stage


class FactorParams(Params):
    photmjsr: float = parameter(1.0, "Conversion factor.", "MJy/sr per unit of the rate", gt=0)


def check(exposure: Exposure) -> Exposure:
    return exposure.replace(unit=parse_unit("MJy/sr"))  # as the stage will leave it


@stage("photom", params=FactorParams, check=check)
def multiply(exposure: Exposure, params: FactorParams) -> Exposure:
    calibrated = exposure.scale(params.photmjsr).replace(unit=parse_unit("MJy/sr"))
    return calibrated.with_keywords({"PHOTMJSR": (params.photmjsr, "[MJy/sr] per unit of the rate")})
