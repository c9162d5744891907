"""What `iris show`, `iris list` and `iris plugins` print: what is installed, what it does, what was done to a file."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from os.path import isfile
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from iris_core.cli.tables import present
from iris_core.errors import InputError, choices, did_you_mean, one_line
from iris_core.loading import load_plugins
from iris_core.plugins import Plugins
from iris_core.stages import Params
from iris_core.step import Implementation, Step

# Keywords by which a product says what it is worth.
_QUALITY = (
    *("FWHM", "ELLIPT", "STREHL", "SKYLEV", "SKYRMS", "MAGLIM", "FLUXLIM", "MAGLIMAP", "MAGRAT", "NSTARS", "CORRFAC"),
    *("NMATCH", "ASTRMS", "TOTEXP", "FRACNAN", "FRACREJ", "MASKFRAC"),
)
Content = dict[str, Any]
Maker = Callable[[str, Plugins], Content]


def _rows(columns: str, rows: Iterable[Sequence[Any]]) -> list[Content]:
    return [dict(zip(columns.split(", "), row, strict=True)) for row in rows]


def list_all(as_json: bool) -> None:
    """Print plugins, stages, recipes and modes; of a name that two plugins bring, both."""
    plugins = load_plugins()
    stages = (
        (name, one.status, [*map(str, plugins.implementations(name).values())])
        for name, one in plugins.stages().items()
    )
    recipes = ((name, by.partition(" (")[0]) for name, by, _ in plugins.recipes().brought())
    modes = (
        (name, by.partition(" (")[0], f"{one.telescope} {one.instrument}", [*one.detectors])
        for name, by, one in plugins.modes().brought()
    )
    others = {
        "stages": _rows("stage, keyword, implemented by", stages),
        "recipes": _rows("recipe, plugin", recipes),
        "modes": _rows("mode, plugin, instrument, detectors", modes),
    }
    present({**_installed(plugins), **others}, as_json)


def list_plugins(as_json: bool) -> bool:
    """Print each plugin, what is broken and what its author has to change; return whether nothing is broken."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DeprecationWarning)
        plugins = load_plugins()
    deprecated = ((f"{one.filename}:{one.lineno}", str(one.message)) for one in caught)
    present({**_installed(plugins), "deprecated": _rows("where, what", deprecated)}, as_json)
    return not plugins.broken


def _installed(plugins: Plugins) -> Content:
    origins = sorted(plugins.origins.items())
    rows = ((name, one.version, one.source, sorted(plugins.hooks_of(name))) for name, one in origins)
    return {
        "plugins": _rows("plugin, version, distribution, hooks", rows),
        "broken": _rows("plugin, reason", plugins.broken.items()),
    }


def show(what: str, as_json: bool) -> None:
    """Show a stage, a recipe, a mode or a file, whichever `what` is; what has one name is shown together.

    Raises
    ------
    InputError
        When it is none of them.
    """
    plugins = load_plugins()
    kinds: dict[Maker, Iterable[str]] = {_stage: plugins.stages(), _recipe: plugins.recipes(), _mode: plugins.modes()}
    found = [make for make, names in kinds.items() if what in names]
    if not found and isfile(what):
        found = [_BY_SUFFIX.get(Path(what).suffix, _file)]
    if not found:
        known = {name for names in kinds.values() for name in names}
        raise InputError(f"no stage, recipe, mode or file '{what}'{did_you_mean(what, known)} Known: {choices(known)}")
    for make in found[:1] if as_json else found:
        content = make(what, plugins)
        for part in [content] if as_json else _AS_TEXT.get(make, _alone)(content):
            present(part, as_json)


def _stage_as_text(content: Content) -> Iterator[Content]:
    yield {content["stage"]: _prose(content["documentation"])}
    for one in content["implementations"]:
        yield {
            f"{one['plugin']} {one['version']}": _prose(one["documentation"]),
            "reference files": {"needed": one["references"] or "none", "used if found": one["optional"]},
            "parameters": one["params"],
        }


def _file_as_text(content: Content) -> Iterator[Content]:
    """Leave out what is for programs: hashes and parameters of everything."""
    whole = content["provenance"]
    short = {name: value for name, value in whole.items() if not isinstance(value, Mapping)}
    long = [name for name, value in whole.items() if name not in short and value]
    yield {**content, "provenance": {**short, "more": f"--json shows {', '.join(long)}"} if long else short}


def _alone(content: Content) -> Iterator[Content]:
    yield content


def _prose(documentation: str) -> str:
    """Return what users need of a docstring: what comes before its sections for developers."""
    return re.split(r"\n\w+\n---", documentation, maxsplit=1)[0].replace("``", "").strip()


def _stage(stage: str, plugins: Plugins) -> Content:
    found = [_describe(one, plugins) for one in plugins.implementations(stage).values()]
    return {"stage": stage, "documentation": plugins.documentation(stage), "implementations": found}


def _describe(one: Implementation, plugins: Plugins) -> Content:
    origin = {"plugin": one.plugin, "version": one.version}
    origin["documentation"] = plugins.documentation(one.declared.stage, one.plugin)
    declared = {name: getattr(one.declared, name) for name in ("references", "optional", "only_by_name")}
    return {**origin, **declared, "params": describe_params(one.declared.params)}


def describe_params(params: type[Params]) -> list[Content]:
    """Return name, type, default, unit and description of each parameter, in order."""
    return [
        {
            "name": name,
            "type": _type_name(field.annotation),
            "default": None if field.is_required() else field.default,
            "unit": (extra if isinstance(extra := field.json_schema_extra, dict) else {}).get("unit", ""),
            "description": field.description or "",
        }
        for name, field in params.model_fields.items()
    ]


def _type_name(annotation: Any) -> str:
    """Return a type as users say it: ``square | point``, ``number``, ``text``."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " | ".join(str(value) or "''" for value in inner)
    if origin in (Union, UnionType):
        return " | ".join(map(_type_name, inner))
    if origin in (tuple, list):
        return f"list of {_type_name(inner[0])}" if ... in inner else ", ".join(map(_type_name, inner))
    named = {float: "number", int: "integer", str: "text", bool: "true | false", type(None): "none"}
    return named.get(annotation, getattr(annotation, "__name__", str(annotation)))


def _recipe(name: str, plugins: Plugins) -> Content:
    from iris_core.prepare import start_run
    from iris_core.recipe import Overrides

    run = start_run(name, Overrides(), plugins)
    steps = [_step(one) for one in run.compile(None)]
    file = str(plugins.recipes().get(name, name))
    return {"recipe": run.recipe.name, "file": file, "steps": steps, "problems": [*map(str, run.problems)]}


def _step(step: Step) -> Content:
    return {
        "step": step.stage,
        "by": str(step.implementation),
        "params": step.params.model_dump(mode="json"),
        "references": step.declared.references,
        "used if found": step.declared.optional,
        "product": f"_{step.save}" if step.makes_product else "",
        "skipped": step.skip,
    }


def _mode(name: str, plugins: Plugins) -> Content:
    mode = plugins.modes()[name]
    scale = f"{mode.pixel_scale} arcsec" if mode.pixel_scale else "that of the header"
    camera = {"telescope": mode.telescope, "pixel scale": scale, "unit without BUNIT": mode.unit}
    return {
        name: camera,
        "quality": [{"keyword": one, "lowest": low, "highest": high} for one, (low, high) in mode.quality.items()],
        "detectors": [{"detector": one, **asdict(detector)} for one, detector in mode.detectors.items()],
        "facts": [{"fact": one, **fact} for one, fact in mode.facts.items()],
        "filters [um, mag/arcsec2]": [{"filter": one, **asdict(item)} for one, item in mode.filters.items()],
    }


def _file(path: str, plugins: Plugins) -> Content:
    exposure = plugins.read_exposure(Path(path))
    meta, history = exposure.meta, exposure.history
    facts = {
        "file": meta.filename,
        "instrument": f"{meta.telescope} {meta.instrument} {meta.detector}".strip(),
        "filter": meta.filter,
        "exposure time": "" if meta.exposure_time is None else f"{meta.exposure_time:g} s",
        "start": meta.start_time,
        "shape": " x ".join(map(str, exposure.data.shape)),
        "unit": exposure.unit,
        "errors": ", ".join(exposure.variance) or "unknown",
        "planes": ", ".join(exposure.planes),
        "WCS": "gWCS" if exposure.wcs is not None else "header" if "CTYPE1" in exposure.sci_header else "none",
    }
    done = (
        (one.stage, one.status, f"{one.plugin} {one.version}", dict(one.params), list(one.notes)) for one in history
    )
    used = ((use.reftype, use.provider, use.sha256[:12], use.path) for one in history for use in one.references)
    cards = (card for card in exposure.sci_header.cards if card.keyword in _QUALITY)
    return {
        "facts": facts,
        "quality": _rows("keyword, value, what", ((card.keyword, card.value, card.comment) for card in cards)),
        "history": _rows("stage, status, by, params, notes", done),
        "references": _rows("type, provider, SHA-256, file", used),
        "provenance": dict(exposure.provenance),
    }


def _table(path: str, _: Plugins) -> Content:
    from astropy.table import Table

    try:
        table = Table.read(path, format="ascii.ecsv")
    except Exception as error:
        raise InputError(f"{path}: no ECSV table: {one_line(error)}") from error
    described = ((name, table[name].info) for name in table.colnames)  # places on the sky have no unit of their own
    columns = ((name, str(info.unit or ""), info.description or "") for name, info in described)
    return {
        "facts": {"file": Path(path).name, "rows": len(table), **table.meta},
        "columns": _rows("column, unit, description", columns),
    }


_AS_TEXT: dict[Maker, Callable[[Content], Iterator[Content]]] = {_stage: _stage_as_text, _file: _file_as_text}
_BY_SUFFIX: dict[str, Maker] = {".yaml": _recipe, ".yml": _recipe, ".ecsv": _table}
