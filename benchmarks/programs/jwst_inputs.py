"""Write a simulated exposure and its references as jwst takes them: an image of NIRCam, with references of its types.

python jwst_inputs.py SIMULATED_SET FOLDER     (in the environment of jwst)

The pixels are the same. The distortion is the same model, from pixel to V2 and V3 with the pointing at their origin.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import asdf
import numpy as np
from astropy.io import fits
from astropy.modeling.models import Scale
from astropy.table import Table
from stdatamodels.jwst import datamodels

INSTRUMENT = {
    "name": "NIRCAM",
    "detector": "NRCA1",
    "filter": "F200W",
    "pupil": "CLEAR",
    "channel": "SHORT",
    "module": "A",
}
EXPOSURE = {"type": "NRC_IMAGE", "exposure_time": 100.0, "duration": 100.0, "measurement_time": 100.0,
            "start_time": 61120.0, "mid_time": 61120.0006, "end_time": 61120.0012}  # fmt: skip
REFERENCE = {"telescope": "JWST", "pedigree": "SIMULATED", "author": "iris", "description": "simulated",
             "useafter": "2025-01-01T00:00:00", "instrument": INSTRUMENT}  # fmt: skip
# What CRDS asks of a server, unless it is in its cache.
SERVER = {"observatory": "jwst", "operational_context": "jwst_0000.pmap", "latest_context": "jwst_0000.pmap",
          "last_synced": "never", "effective_mode": "local"}  # fmt: skip


def fill(node: Any, values: dict[str, Any]) -> None:
    """Set attributes of a data model, and of what it holds."""
    for name, value in values.items():
        if isinstance(value, dict):
            fill(getattr(node, name), value)
        else:
            setattr(node, name, value)


def planes(path: Path) -> dict[str, np.ndarray]:
    """Return the images of a file in the order of bytes of this machine."""
    with fits.open(path) as hdus:
        return {hdu.name: hdu.data.astype("u4" if hdu.name == "DQ" else "f4") for hdu in hdus[1:] if hdu.is_image}


def whole(image: np.ndarray) -> dict[str, Any]:
    """Return what jwst has to know of a full frame."""
    rows, columns = image.shape
    return {"name": "FULL", "xstart": 1, "ystart": 1, "xsize": columns, "ysize": rows, "fastaxis": 1, "slowaxis": 2}


def write_rate(source: Path, path: Path) -> None:
    """Write a rate."""
    images = {name.lower(): image for name, image in planes(source).items()}
    header = fits.getheader(source)
    model = datamodels.ImageModel(images["sci"].shape)
    model.data = images.pop("sci")
    fill(model, images)
    pointing = {"ra_ref": header["RA"], "dec_ref": header["DEC"], "v2_ref": 0.0, "v3_ref": 0.0, "roll_ref": 0.0}
    pointing |= {"vparity": -1, "v3yangle": 0.0, "wcsaxes": 2}
    meta = {"telescope": "JWST", "instrument": INSTRUMENT, "exposure": EXPOSURE, "bunit_data": "DN/s"}
    meta |= {
        "observation": {"date": "2026-03-21", "time": "08:00:00.000"},
        "velocity_aberration": {"scale_factor": 1.0},
    }
    fill(model.meta, meta | {"wcsinfo": pointing, "subarray": whole(model.data)})
    model.save(path)


def write_reference(model: Any, path: Path, **more: Any) -> None:
    """Write a reference file with the keywords that all have."""
    fill(model.meta, {**REFERENCE, "reftype": path.stem.upper(), **more})
    model.save(path)


def write_references(folder: Path, into: Path) -> None:
    """Write flat, area, photom and distortion."""
    found = {kind: next(folder.glob(f"*_{kind}*")) for kind in ("FLAT", "AREA", "PHOTOM", "DISTORTION")}
    flat = planes(found["FLAT"])
    model = datamodels.FlatModel(data=flat["SCI"], err=flat["ERR"], dq=flat["DQ"])
    write_reference(model, into / "flat.fits", subarray=whole(flat["SCI"]))
    name = fits.getheader(found["FLAT"])["FILTER"]
    (row,) = (row for row in Table.read(found["PHOTOM"], format="ascii.ecsv") if row["filter"] == name)
    area = {"pixelarea_steradians": float(row["pixar_sr"]), "pixelarea_arcsecsq": float(row["pixar_a2"])}
    write_reference(datamodels.PixelAreaModel(data=planes(found["AREA"])["SCI"]), into / "area.fits", photometry=area)
    photom = datamodels.NrcImgPhotomModel()
    rows = [("F200W", "CLEAR", row["photmjsr"], row["uncertainty"])]
    photom.phot_table = np.array(rows, dtype=photom.get_dtype("phot_table"))
    write_reference(photom, into / "photom.fits", photometry=area)
    with asdf.open(found["DISTORTION"]) as file:
        optics = file["model"] | (Scale(-1.0) & Scale(1.0))  # V2 grows to the east, columns to the west
        model = datamodels.DistortionModel(model=optics, input_units="pixel", output_units="arcsec")
        modes = {"exposure": {"type": "NRC_IMAGE", "p_exptype": "NRC_IMAGE|"}}
        modes["instrument"] = INSTRUMENT | {"p_pupil": "CLEAR|"}
        write_reference(model, into / "distortion.asdf", **modes)


def main() -> None:
    """Write all."""
    folder, into = map(Path, sys.argv[1:])
    for path in folder.glob("*_rate.fits"):
        write_rate(path, into / ("sky_rate.fits" if "sky" in path.name else "science_rate.fits"))
    write_references(folder / "references", into)
    members = [{"expname": str(into / f"{name}_rate.fits"), "exptype": kind}
               for name, kind in (("science", "science"), ("sky", "background"))]  # fmt: skip
    association = {"asn_type": "image2", "asn_rule": "none", "asn_pool": "none", "asn_id": "a3001"}
    association["products"] = [{"name": "science", "members": members}]
    (into / "image2_asn.json").write_text(json.dumps(association))
    cache = into / "crds" / "config" / "jwst"
    cache.mkdir(parents=True)
    (cache / "server_config").write_text(repr(SERVER))


if __name__ == "__main__":
    main()
