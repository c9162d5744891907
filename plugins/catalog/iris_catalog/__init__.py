"""The stage source_catalog: a catalogue of the sources in an image, and what the image is worth.

Read from here down, each after what it builds on: ``_scene`` with ``_diffraction`` (the image, and that of a star by
diffraction alone), ``_detect`` and ``_separate`` (which pixels are of which source), ``_measure`` (all that is measured
of them: ``_shapes``, ``_apertures`` with ``_noise``, and ``_correction`` with ``_halo`` and ``_rings``), ``_quality``
(what the image is worth), ``_table`` with ``_magnitudes`` (the catalogue). ``_around`` has the pixels around many
places at a time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from iris_catalog._params import CatalogParams
from iris_catalog.hookspecs import source_catalog
from iris_core import Exposure, InputError, InstrumentMode, References, parse_unit, stage

if TYPE_CHECKING:
    from iris_core import Array, Result

__all__ = ["CatalogParams", "catalogue_sources", "check_catalogue", "source_catalog"]


def check_catalogue(exposure: Exposure) -> None:
    """Refuse an exposure without a WCS: its sources have no place on the sky, its pixels no area.

    Raises
    ------
    InputError
        With the remedy.
    """
    if exposure.wcs is None and "assign_wcs" not in exposure.done:
        raise InputError(
            f"{exposure.name} has no WCS, without which its sources have no place on the sky; put assign_wcs before "
            f"source_catalog in the recipe"
        )


@stage("source_catalog", params=CatalogParams, optional=("psf",), check=check_catalogue)
def catalogue_sources(
    exposure: Exposure, params: CatalogParams, references: References, instrument: InstrumentMode
) -> Result[Exposure]:
    """Return the sources of an image with their fluxes and errors, and the image with keywords of its quality.

    Parameters
    ----------
    exposure
        With a gWCS, in MJy/sr; in another unit fluxes are in that unit, without magnitudes. Of integrations the mean
        is measured.
    params
        See there.
    references
        With ``psf``, an image of a star, for the aperture correction.
    instrument
        Gives AB - Vega (fact ``ab_vega_FILTER``), and the pupil of the Strehl ratio and of aperture corrections.

    Returns
    -------
    Result
        The exposure with the keywords, the table ``cat``, and ``segm``, the label of the source of each pixel.
    """
    from iris_catalog._magnitudes import vega_offset
    from iris_catalog._measure import measure_sources
    from iris_catalog._quality import quality_of
    from iris_catalog._scene import scene_of
    from iris_catalog._table import notes_of, table_meta, table_of
    from iris_core import Result

    scene = scene_of(exposure, instrument)
    vega, vega_origin = vega_offset(exposure.meta.filter, instrument, params.ab_offset)
    found = measure_sources(scene, params, references.get("psf"))
    cards, warnings = quality_of(scene, found, params)
    table = table_of(scene, found, vega)
    table.meta.update(table_meta(scene, found, cards, vega_origin))
    described = exposure.with_keywords(cards)
    for note in (*notes_of(scene, found, vega, vega_origin), *warnings):
        described = described.note(note)
    _warn(exposure.name, warnings)
    return Result(
        exposure=described, tables={"cat": table}, images={"segm": _labelled(exposure, found.detection.labels)}
    )


def _warn(name: str, warnings: list[str]) -> None:
    import logging

    for warning in warnings:
        logging.getLogger(__name__).warning("%s: source_catalog: %s", name, warning)


def _labelled(exposure: Exposure, labels: Array) -> Exposure:
    """Return the segmentation image: whole numbers, 0 where there is no source, on the grid of the exposure."""
    return exposure.replace(
        data=labels.astype(np.float32),
        dq=np.zeros(labels.shape, dtype=np.uint32),
        variance={},
        planes={},
        area=None,
        unit=parse_unit(""),
    )
