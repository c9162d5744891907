"""What `iris show` shows."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import asdict
from os.path import isfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from iris_core.errors import InputError, choices, did_you_mean
from iris_core.implementations import Implementation
from iris_core.instruments import InstrumentMode
from iris_core.loading import load_plugins
from iris_core.overrides import Overrides
from iris_core.plugins import Plugins
from iris_core.session import start_session
from iris_core.stages import describe_params
from iris_core.tables import in_words, print_json, print_rows

__all__ = ["show"]


def show(what: str, as_json: bool) -> None:
    """Show a stage, a recipe, a mode or a file, whichever `what` is; what has one name is shown together.

    Raises
    ------
    InputError
        When it is none of them.
    """
    plugins = load_plugins()
    stages, recipes, modes = plugins.stages(), plugins.recipes(), plugins.modes()
    found: list[Callable[[], None]] = []
    if what in stages:
        found.append(lambda: _show_stage(what, plugins, as_json))
    if what in recipes or Path(what).suffix in (".yaml", ".yml"):
        found.append(lambda: _show_recipe(what, plugins, as_json))
    if what in modes:
        found.append(lambda: _show_mode(modes[what], as_json))
    if not found and isfile(what):
        found.append(lambda: _show_file(Path(what), plugins, as_json))
    if not found:
        known = {*stages, *recipes, *modes}
        raise InputError(f"no stage, recipe, mode or file '{what}'{did_you_mean(what, known)} Known: {choices(known)}")
    for show_it in found[:1] if as_json else found:
        show_it()


def _show_stage(stage: str, plugins: Plugins, as_json: bool) -> None:
    found = plugins.implementations(stage)
    content = {
        "stage": stage,
        "documentation": plugins.stage_documentation(stage),
        "implementations": [_describe(one) for one in found],
    }
    if as_json:
        print_json(content)
        return
    console = Console()
    _print_documentation(stage, plugins.stage_documentation(stage), console)
    for one in found:
        _show_implementation(one, console)


def _print_documentation(name: str, documentation: str, console: Console) -> None:
    """Print what users need of a docstring: what stands before its sections for developers."""
    prose = re.split(r"\n\w+\n---", documentation, maxsplit=1)[0].replace("``", "").strip()
    console.print(f"[bold]{escape(name)}[/]\n\n{escape(prose)}\n", highlight=False, soft_wrap=True)


def _describe(one: Implementation) -> dict[str, Any]:
    return {
        "plugin": one.plugin,
        "version": one.version,
        "documentation": inspect.getdoc(one.function) or "",
        "references": list(one.declared.references),
        "optional": list(one.declared.optional),
        "only_by_name": one.declared.only_by_name,
        "params": describe_params(one.declared.params),
    }


def _show_implementation(one: Implementation, console: Console) -> None:
    described = _describe(one)
    _print_documentation(str(one), described["documentation"], console)
    needs, may = ", ".join(described["references"]) or "none needed", ", ".join(described["optional"])
    optional = f"; used where there is one: {may}" if may else ""
    console.print(f"reference files: {needs}{optional}\n", highlight=False)
    print_rows("parameters", described["params"])


def _show_recipe(name: str, plugins: Plugins, as_json: bool) -> None:
    session = start_session(name, Overrides(), plugins)
    steps = session.compile(None)
    rows = [
        {
            "step": step.stage,
            "by": str(step.implementation),
            "params": step.params.model_dump(mode="json"),
            "references": list(step.implementation.declared.references),
            "if there is one": list(step.implementation.declared.optional),
            "product": f"_{step.save}" if step.makes_product else "",
            "skipped": step.skip,
        }
        for step in steps
    ]
    if as_json:
        print_json({"recipe": session.recipe.name, "steps": rows, "problems": [str(one) for one in session.problems]})
        return
    print_rows(f"recipe {session.recipe.name}", rows)
    print_rows("mistakes", [{"": str(one)} for one in session.problems])


def _show_mode(mode: InstrumentMode, as_json: bool) -> None:
    if as_json:
        print_json(asdict(mode))
        return
    camera = {"telescope": mode.telescope, "pixel scale": f"{mode.pixel_scale} arcsec", "rates in": mode.unit}
    print_rows(mode.name, [{"": name, " ": value} for name, value in camera.items()])
    print_rows("detectors", [{"detector": name, **asdict(one)} for name, one in mode.detectors.items()])
    print_rows("facts", [{"fact": name, **fact} for name, fact in mode.facts.items()])
    print_rows("filters [um, mag/arcsec2]", [{"filter": name, **asdict(one)} for name, one in mode.filters.items()])


def _show_file(path: Path, plugins: Plugins, as_json: bool) -> None:
    exposure = plugins.read_exposure(path)
    meta = exposure.meta
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
        "recipe": exposure.provenance.get("recipe", ""),
    }
    history = [_history_row(record) for record in exposure.history]
    uses = [
        {"type": use.reftype, "file": use.path, "SHA-256": use.sha256[:12], "by": use.provider}
        for record in exposure.history
        for use in record.references
    ]
    if as_json:
        print_json({"facts": facts, "history": history, "references": uses, "provenance": dict(exposure.provenance)})
        return
    print_rows(
        str(path), [{"": name, " ": in_words(value)} for name, value in facts.items() if value not in ("", None)]
    )
    print_rows("history", history)
    print_rows("references", uses)


def _history_row(record: Any) -> dict[str, Any]:
    return {
        "stage": record.stage,
        "status": record.status,
        "by": f"{record.plugin} {record.version}",
        "params": dict(record.params),
        "notes": list(record.notes),
        "seconds": round(record.seconds, 3),
    }
