"""`iris run --add-to`: the reference files that a run has made go into a store, all of them or none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from iris_core.errors import InputError, PluginError
from iris_core.plugins import Plugins
from iris_core.references.folder import read_reference_header
from iris_core.report import Report

__all__ = ["add_masters", "check_can_add"]


def check_can_add(plugins: Plugins) -> None:
    """Refuse a run whose reference files no plugin can add to a store, before it begins.

    Raises
    ------
    PluginError
        When none is installed.
    """
    if not any("add_to_store" in plugins.hooks_of(name) for name in plugins.names()):
        raise PluginError("--add-to: no installed plugin adds reference files to a store (hook add_to_store)")


def add_masters(report: Report, store: Path, plugins: Plugins, *, replace: bool) -> Sequence[str]:
    """Add the reference files among the products of a run to a store, and return their names there.

    Parameters
    ----------
    report
        Of the run.
    store
        The folder; it is made where there is none.
    plugins
        Those of the run.
    replace
        Whether they may replace files of their names.

    Raises
    ------
    InputError
        When a part of the run failed, or it has made no reference file: nothing is added then.
    Problems
        What is wrong with any of the files: nothing is added then.
    """
    if report.failed:
        names = ", ".join(result.name for result in report.failed)
        raise InputError(f"--add-to {store}: nothing was added, since {names} failed")
    files = [path for path in report.products if "REFTYPE" in read_reference_header(path)]
    if not files:
        made = ", ".join(path.name for path in report.products) or "nothing"
        raise InputError(f"--add-to {store}: no product is a reference file (REFTYPE); {report.recipe} made {made}")
    asked = {"folder": store, "files": files, "plugins": plugins, "replace": replace}
    added: Sequence[str] | None = plugins.ask_one("add_to_store", store, **asked)
    if added is None:
        raise PluginError(f"--add-to {store}: no installed plugin adds reference files to this folder")
    return added
