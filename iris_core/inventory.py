"""What `iris list` and `iris plugins` show: what is installed, and what is wrong with it."""

from __future__ import annotations

import warnings
from typing import Any

from iris_core.installed import InstalledPlugin, find_installed
from iris_core.loading import load_plugins
from iris_core.plugins import Plugins
from iris_core.stages import API_VERSION
from iris_core.tables import print_json, print_rows

__all__ = ["list_all", "list_plugins"]


def list_all(as_json: bool) -> None:
    """Print plugins, stages, recipes and modes."""
    plugins = load_plugins()
    plugins.load_all()
    rows = [{key: row[key] for key in ("plugin", "version", "hooks", "broken")} for row in _plugin_rows(plugins)]
    content = {
        "plugins": rows,
        "stages": [
            {
                "stage": name,
                "keyword": spec.status,
                "implemented by": [str(one) for one in plugins.implementations(name)],
            }
            for name, spec in plugins.stages().items()
        ],
        "recipes": [{"recipe": name, "file": str(path)} for name, path in plugins.recipes().items()],
        "modes": [
            {
                "mode": mode.name,
                "telescope": mode.telescope,
                "instrument": mode.instrument,
                "detectors": ", ".join(mode.detectors),
                "filters": len(mode.filters),
            }
            for mode in plugins.modes().values()
        ],
    }
    if as_json:
        print_json(content)
        return
    for title, part in content.items():
        print_rows(title, [{**row, "hooks": ", ".join(row["hooks"])} if "hooks" in row else row for row in part])


def list_plugins(as_json: bool) -> bool:
    """Print each plugin with its distribution and hooks, what is broken and what its author has to change.

    Returns
    -------
    bool
        Whether nothing is broken.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DeprecationWarning)
        plugins = load_plugins()
        plugins.load_all()
    rows = _plugin_rows(plugins)
    outdated = [{"where": f"{one.filename}:{one.lineno}", "what": str(one.message)} for one in caught]
    if as_json:
        print_json({"api": _version(), "plugins": rows, "deprecated": outdated})
    else:
        print_rows(f"plugins (this iris-core has version {_version()} of the hooks)", _as_words(rows))
        print_rows("deprecated", outdated)
    return not plugins.broken


def _version() -> str:
    return ".".join(map(str, API_VERSION))


def _as_words(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**row, "hooks": ", ".join(row["hooks"])} for row in rows]


def _plugin_rows(plugins: Plugins) -> list[dict[str, Any]]:
    installed = find_installed()
    loaded = [
        _row(name, origin.version, origin.source, installed.get(name), sorted(plugins.hooks_of(name)))
        for name, origin in plugins.origins.items()
        if plugins.manager.has_plugin(name)
    ]
    broken = [
        _row(one.name, "", one.distribution, installed.get(one.name), [], str(one.error)) for one in plugins.broken
    ]
    return sorted([*loaded, *broken], key=lambda row: str(row["plugin"]))


def _row(
    name: str, version: str, source: str, installed: InstalledPlugin | None, hooks: list[str], broken: str = ""
) -> dict[str, Any]:
    """Return a row; a plugin that does not say for which version of the hooks it is built is taken at its word."""
    api = installed.api or "not said" if installed else str(API_VERSION[0])
    return {"plugin": name, "version": version, "distribution": source, "API": api, "hooks": hooks, "broken": broken}
