"""Write the reference pages of the documentation from the code: `python docs/generate.py`.

The pages are kept in the repository, so that they can be read there. With ``--check`` nothing is written, and
pages that are out of date are an error.
"""

from __future__ import annotations

import sys
from pathlib import Path

from _generate import api, commands, hooks, keywords, recipe, schema, stages

from iris_core.loading import load_plugins

REFERENCE = Path(__file__).parent / "reference"


def pages() -> dict[str, str]:
    """Return every generated file by its name in `REFERENCE`."""
    plugins = load_plugins()
    if plugins.broken:
        sys.exit("\n".join(f"{name}: {why}" for name, why in plugins.broken.items()))
    specs = plugins.stages()
    written = {
        **{f"{name}.md": stages.page(spec, plugins) for name, spec in specs.items()},
        "stages.md": stages.index(plugins),
        "hooks.md": hooks.page(plugins),
        "recipe.md": recipe.page(),
        "recipe.schema.json": schema.text(plugins),
        "keywords.md": keywords.page(specs.values()),
        "commands.md": commands.page(),
        "api.md": api.page(),
    }
    return {name: text.rstrip() + "\n" for name, text in written.items()}


def main() -> None:
    """Write the files, or check them."""
    wanted = pages()
    there = {path.name: path.read_text(encoding="utf-8") for path in REFERENCE.glob("*.*")}
    there.pop("index.md", None)  # written by hand
    if sys.argv[1:] == ["--check"]:
        stale = sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))
        sys.exit(f"out of date, run 'make docs': {', '.join(stale)}" if stale else 0)
    for name in there.keys() - wanted.keys():
        (REFERENCE / name).unlink()
    for name, text in wanted.items():
        (REFERENCE / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
