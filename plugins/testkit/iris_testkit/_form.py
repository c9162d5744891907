"""The rules of form: what can be told of a stage before a pixel is calibrated."""

from __future__ import annotations

import inspect
import io
import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from typing import Any

from iris_core import Params, StageSkipped, choices
from iris_testkit._bench import Bench
from iris_testkit._opened import opened_files
from iris_testkit._rules import rule

__all__ = ["RulesOfForm"]

_HEAVY = ("astropy", "gwcs", "asdf", "scipy", "matplotlib", "photutils", "pandas", "torch")


class RulesOfForm:
    """Documentation, signature, parameters, import, and what a stage must not do beside its work."""

    @rule("documented")
    def test_the_stage_is_documented(self, bench: Bench) -> None:
        """Module, function and parameters have a docstring; every parameter has a description."""
        function, params = _function(bench), bench.implementation.declared.params
        texts = {"its module": sys.modules[function.__module__].__doc__, f"{function.__name__}()": function.__doc__}
        if params is not Params:
            texts[params.__name__] = params.__dict__.get("__doc__")
        missing = [name for name, text in texts.items() if not (text or "").strip()]
        if missing:
            bench.fail(f"no docstring: {', '.join(missing)}")
        silent = [name for name, field in params.model_fields.items() if not (field.description or "").strip()]
        if silent:
            bench.fail(f"parameters without a description: {', '.join(silent)}")

    @rule("signature")
    def test_the_signature_is_complete(self, bench: Bench) -> None:
        """Every argument is annotated, and so is the result."""
        signature = inspect.signature(_function(bench))
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
        printed = io.StringIO()
        with redirect_stdout(printed), suppress(StageSkipped):
            bench.call(bench.truth)
        if printed.getvalue():
            bench.fail(f"it printed {printed.getvalue()[:60]!r}; use logging, or exposure.note()")

    @rule("no-files")
    def test_it_opens_no_file(self, bench: Bench) -> None:
        """The stage opens no file, database or connection: it is given what it needs."""
        bench.run(bench.truth)  # what it imports may open files, once
        given = bench.references()
        with opened_files() as opened:
            bench.run(bench.truth, given)
        if opened:
            bench.fail(f"it opened {choices(set(opened))}; the framework has read the files: references[...].image()")


def _function(bench: Bench) -> Callable[..., Any]:
    """Return the function that implements the stage."""
    items = getattr(bench.plugins.manager.hook, bench.implementation.declared.stage).get_hookimpls()
    function: Callable[..., Any] = next(item.function for item in items if item.plugin_name == bench.name)
    return function
