"""The rules of form: what can be said of a stage before a pixel is calibrated."""

from __future__ import annotations

import inspect
import io
import json
import subprocess
import sys
from contextlib import redirect_stdout
from typing import Any

from iris_core.errors import choices
from iris_core.installed import find_installed
from iris_core.stages import API_VERSION, Params, describe_params
from iris_core.testing._bench import Bench
from iris_core.testing._rules import rule

__all__ = ["RulesOfForm"]

_ARGUMENTS = ("exposure", "params", "references", "background_exposures", "instrument")
_HEAVY = ("astropy", "gwcs", "asdf", "scipy", "matplotlib", "photutils", "pandas", "torch")


class RulesOfForm:
    """Documentation, signature, parameters, metadata, import."""

    @rule("documented")
    def test_the_stage_is_documented(self, bench: Bench) -> None:
        """Module, function, parameters, and a stage it declares have a docstring; every parameter has a description."""
        step = bench.step
        function, params = step.implementation.function, step.implementation.declared.params
        texts = {"its module": sys.modules[function.__module__].__doc__, f"{function.__name__}()": function.__doc__}
        if params is not Params:
            texts[params.__name__] = params.__dict__.get("__doc__")
        missing = [name for name, text in texts.items() if not (text or "").strip()]
        if missing:
            bench.fail(f"no docstring: {', '.join(missing)}")
        silent = [str(row["name"]) for row in describe_params(params) if not str(row["description"]).strip()]
        if silent:
            bench.fail(f"parameters without a description: {', '.join(silent)}")

    @rule("signature")
    def test_the_signature_is_complete(self, bench: Bench) -> None:
        """Every argument is one of the hook's, without default, and annotated; so is the result."""
        signature = inspect.signature(bench.implementation.function)
        strange = [name for name in signature.parameters if name not in _ARGUMENTS]
        if strange:
            bench.fail(f"arguments that no stage is given: {choices(strange)}; there are: {', '.join(_ARGUMENTS)}")
        untyped = [name for name, one in signature.parameters.items() if one.annotation is one.empty]
        untyped += ["the result"] if signature.return_annotation is signature.empty else []
        if untyped:
            bench.fail(f"no annotation: {', '.join(untyped)}")

    @rule("parameters")
    def test_parameters_are_valid_and_can_be_kept(self, bench: Bench) -> None:
        """Parameters have defaults, refuse unknown keys, are frozen, and come back from JSON as they were."""
        kind, given = bench.implementation.declared.params, bench.tried.params
        needed = [name for name, info in kind.model_fields.items() if info.is_required()]
        if missing := [name for name in needed if name not in given]:
            words = f"parameters without a default: {', '.join(missing)}"
            bench.fail(f"{words}; give one, or a value in 'params = ...' of the test class")
        if kind.model_config.get("extra") != "forbid" or not kind.model_config.get("frozen"):
            bench.fail(f"{kind.__name__} is not frozen, or takes unknown keys; leave model_config as Params has it")
        for params in (kind(**{name: given[name] for name in needed}), bench.step.params):
            back = kind.model_validate(json.loads(json.dumps(params.model_dump(mode="json"))))
            if back != params:
                bench.fail(f"{params!r} comes back from JSON as {back!r}")

    @rule("declared-hooks")
    def test_the_package_lists_its_hooks(self, bench: Bench) -> None:
        """The metadata of an installed package list the hooks that its module implements."""
        name = getattr(bench.tried.plugin, "__name__", "")
        installed = [one for one in find_installed().values() if one.points[0].module == name]
        if not installed:
            bench.skip(f"{name} is not installed as a package")
        lines = "\n".join(f'{hook} = "{name}"' for hook in sorted(_hooks_of(bench)))
        wanted = f'[project.entry-points."iris_core.api{API_VERSION[0]}"]\n{lines}'
        if installed[0].declared != _hooks_of(bench):
            listed = choices(installed[0].declared or ())
            bench.fail(f"the metadata list {listed}; put this into pyproject.toml and install it again:\n{wanted}")

    @rule("light-import")
    def test_its_import_is_light(self, bench: Bench) -> None:
        """Importing the module imports nothing heavy: that belongs into functions."""
        module = bench.tried.plugin
        file = getattr(module, "__file__", None)
        if file is None:
            bench.skip("the plugin is no module")
        code = (
            "import sys\n"
            "try:\n"
            f"    import {module.__name__}\n"
            "except ModuleNotFoundError:\n"
            f"    import runpy; runpy.run_path({str(file)!r})\n"
            f"print(*(set(sys.modules) & {set(_HEAVY)}))"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        if done.returncode:
            bench.fail(f"it cannot be imported in a fresh process: {done.stderr.strip().splitlines()[-1]}")
        if heavy := done.stdout.split():
            bench.fail(f"its import brings {choices(heavy)} along; import these in the functions that use them")

    @rule("quiet")
    def test_it_prints_nothing(self, bench: Bench) -> None:
        """Nothing is printed: standard output belongs to results."""
        said = io.StringIO()
        given = bench.references()
        with redirect_stdout(said):
            function = bench.implementation.function
            _ignore_skip(bench, function, bench.truth, given, bench.backgrounds, bench.mode)
        if said.getvalue():
            bench.fail(f"it printed {said.getvalue()[:60]!r}; use logging, or exposure.note()")


def _ignore_skip(bench: Bench, function: Any, *arguments: Any) -> None:
    from iris_core.errors import StageSkipped

    try:
        bench.step.call_with(function, *arguments)
    except StageSkipped:
        return


def _hooks_of(bench: Bench) -> frozenset[str]:
    from iris_core.loading import load_plugins

    plugins = load_plugins(only=())
    for index, one in enumerate(bench.tried.needs):
        plugins.add(f"needed {index}", one)
    plugins.add("plugin under test", bench.tried.plugin)
    return plugins.hooks_of("plugin under test")
