"""What the page of one exposure says beside its numbers: parameters, log, and the command that repeats it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any

from iris_core import IrisError, Plugins, StageRecord
from iris_report._examine import Examined
from iris_report._figures import FIGURES, figure_of
from iris_report._limits import Limits
from iris_report._night import Product
from iris_report._plots import Histogram, histogram
from iris_report._statistics import EDGES

__all__ = [
    "Changed",
    "Number",
    "changed_parameters",
    "commands_to_look",
    "commands_to_repeat",
    "numbers_of",
    "residuals",
]


@dataclass(frozen=True, slots=True)
class Changed:
    """A parameter that is not at its default, or whose default is not known."""

    name: str
    value: Any
    default: str


@dataclass(frozen=True, slots=True)
class Number:
    """A number of an exposure, as its page has it."""

    label: str
    value: str
    limits: str
    is_known: bool
    is_beyond: bool
    meaning: str


def numbers_of(examined: Examined, limits: Limits) -> Iterator[Number]:
    """Yield the numbers of an exposure with their limits; those that are not known say why."""
    entry = examined.entry
    others = {one.figure: one.value for one in entry.breaches}
    for name in dict.fromkeys([*FIGURES, *entry.figures, *others]):
        figure, value = figure_of(name), entry.figures.get(name, others.get(name))
        edges = figure.edges(*limits[name]) if name in limits else ""
        words = _why_not(name, examined) if value is None else figure.words(value, entry.unit)
        yield Number(figure.label, words, edges, value is not None, name in others, figure.meaning)


def _why_not(name: str, examined: Examined) -> str:
    """Return why a number is not known."""
    if name in ("residual", "residual_sky") and not examined.is_subtracted:
        return "not known: no sky was subtracted"
    if name == "noise_ratio" and examined.sky is not None:
        return "not known: the product has no errors"
    if name in ("fwhm", "zero_point"):
        return "not known: no catalogue was made of this exposure"
    if name == "limiting_magnitude":
        return "not known: it is not in MJy/sr with a pixel area"
    if name == "sky_ratio":
        return "not known: fewer than three exposures of its group"
    return "not known: no valid pixels" if examined.sky is None else "not known"


def residuals(examined: Examined) -> Histogram | None:
    """Return the histogram of the pixels between sources over their errors; None where there are none."""
    sky = examined.sky
    if sky is None:
        return None
    counts = sky.counts if examined.is_subtracted else sky.shifted
    ratio = "" if sky.ratio is None else f", noise ratio {sky.ratio:.3f}"
    return histogram(counts, EDGES, f"{sky.pixels} pixels between sources{ratio}, with a normal distribution")


def changed_parameters(product: Product, plugins: Plugins) -> list[Changed]:
    """Return the parameters that are not at their defaults."""
    done = (one for one in product.record.history if one.status == "COMPLETE")
    return [changed for record in done for changed in _changed(record, plugins)]


def _changed(record: StageRecord, plugins: Plugins) -> Iterator[Changed]:
    defaults = _defaults(record, plugins)
    for name, value in record.params.items():
        if defaults is None:
            yield Changed(f"{record.stage}.{name}", value, f"not known: {record.plugin} is not installed")
        elif name not in defaults or defaults[name] != value:
            yield Changed(f"{record.stage}.{name}", value, str(defaults.get(name, "not known: another version")))


def _defaults(record: StageRecord, plugins: Plugins) -> Mapping[str, Any] | None:
    with suppress(IrisError, KeyError):
        found = plugins.implementations(record.stage).get(record.plugin)
        return None if found is None else found.declared.params().model_dump(mode="json")
    return None


def commands_to_repeat(product: Product, plugins: Plugins) -> list[str]:
    """Return the commands that make a product again: from its own record, and by its recipe with what was changed."""
    installed = {one.name for one in entry_points(group="iris_core.commands")}
    replay = [shlex.join(["iris", "replay", product.path.name])] if "replay" in installed else []
    return [*replay, _run(product, plugins)]


def _run(product: Product, plugins: Plugins) -> str:
    members = product.record.provenance.get("members", ())
    science = [str(one["file"]) for one in members if one["role"] != "background"]
    words = ["iris", "run", product.recipe, *science, *_options(product, plugins)]
    backgrounds = [str(one["file"]) for one in members if one["role"] == "background"]
    return shlex.join([*words, *(word for one in backgrounds for word in ("--background", one))])


def _options(product: Product, plugins: Plugins) -> Iterator[str]:
    uses = {use.reftype: use for record in product.record.history for use in record.references}
    for use in uses.values():
        if use.provider == "by hand":
            yield from ("--reference", f"{use.reftype}={use.path}")
    if any(use.provider != "by hand" for use in uses.values()):
        yield from ("--reference", "store=STORE")
    for one in changed_parameters(product, plugins):
        if not one.default.startswith("not known"):
            yield from ("--set", f"{one.name}={_yaml(one.value)}")


def _yaml(value: Any) -> str:
    import json

    return json.dumps(value)


def commands_to_look(product: Product) -> list[str]:
    """Return commands that show all pixels of a product."""
    name, pixels = (shlex.quote(f"{product.path.name}{part}") for part in ("", "[SCI]"))
    return [
        f"iris show {name}",
        *([f"ds9 {pixels}", f"jdaviz --layout=imviz {name}"] if product.path.suffix == ".fits" else []),
    ]
