"""A tangent plane at RA and DEC, north up, with the pixel scale of the instrument mode: enough to find the field."""

from iris_core import Exposure, InputError, InstrumentMode, stage


@stage("assign_wcs")
def point_north(exposure: Exposure, instrument: InstrumentMode) -> Exposure:
    from astropy import units as u
    from astropy.coordinates import ICRS
    from astropy.modeling.models import Pix2Sky_TAN, RotateNative2Celestial, Scale, Shift
    from gwcs import WCS
    from gwcs.coordinate_frames import CelestialFrame, Frame2D

    if exposure.meta.ra is None or exposure.meta.dec is None:
        raise InputError(f"{exposure.name}: no RA and DEC in the header")
    rows, columns = exposure.shape
    scale = instrument.pixel_scale / 3600
    to_sky = (
        Shift(-(columns - 1) / 2) & Shift(-(rows - 1) / 2)
        | Scale(-scale) & Scale(scale)
        | Pix2Sky_TAN()
        | RotateNative2Celestial(exposure.meta.ra, exposure.meta.dec, 180)
    )
    detector = Frame2D(name="detector", axes_order=(0, 1), unit=(u.pix, u.pix))
    sky = CelestialFrame(name="sky", reference_frame=ICRS(), unit=(u.deg, u.deg))
    wcs = WCS([(detector, to_sky), (sky, None)])
    wcs.bounding_box = ((-0.5, columns - 0.5), (-0.5, rows - 0.5))
    return exposure.replace(wcs=wcs)
