"""How headers say what an exposure is: keywords and values that are understood, in one place."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["CLOSED", "IMAGE_TYPES", "LAMPS", "MASTERS", "OFF", "ON", "OPEN", "SHUTTERS", "SKY", "UNSTATED"]

# Values of IMTYPE by what they mean; case, spaces, '-' and '_' do not count.
IMAGE_TYPES: Mapping[str, tuple[str, ...]] = {
    "science": ("sci", "science", "object"),
    "subarray": ("subarray",),
    "background": ("sky", "background", "bkg"),
    "dark": ("dark",),
    "flat": ("flat", "domeflat"),
    "flat_on": ("flaton", "domeflaton", "flatlamp", "flatlampon", "lampflat", "lampon"),
    "flat_off": ("flatoff", "domeflatoff", "flatlampoff", "lampoff"),
    "sky_flat": ("skyflat", "twilight", "twilightflat", "twiflat"),
}
# Values of IMTYPE that say nothing; NIRC2 has "data" in all frames.
UNSTATED = ("", "data")
# Values of REFTYPE of the reference files that recipes take as members.
MASTERS: Mapping[str, str] = {"dark": "master_dark", "flat": "master_flat"}

# Keywords of lamps (FLIMAGIN and FLSPECTR: NIRC2): one that is on is enough.
LAMPS = ("LAMP", "LAMPSTAT", "FLATLAMP", "FLIMAGIN", "FLSPECTR")
ON = ("on", "1", "true", "t", "yes")
OFF = ("off", "0", "false", "f", "no", "none", "")
# Not a lamp: the light of a flat came from there.
SKY = ("sky", "twilight")

# Keywords of shutters (SHRNAME: NIRC2). Numbers and T or F do not tell which of the two they mean.
SHUTTERS = ("SHUTTER", "SHRNAME", "SHUTSTAT")
OPEN = ("open", "opened")
CLOSED = ("closed", "close", "shut")
