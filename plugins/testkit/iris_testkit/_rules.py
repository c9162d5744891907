"""How a rule becomes a test method, and what every conformance class shares."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, NoReturn

from iris_core import Plugins, StageSkipped, choices, did_you_mean
from iris_testkit._alone import load_only, name_of

__all__ = ["Conformance", "Trial", "rule"]

Test = Callable[[Any, Path], None]


class Trial:
    """One rule, tried on one plugin.

    Parameters
    ----------
    tried
        The test class, which tells what is tried.
    folder
        A folder for files.
    rule
        The rule, for the message of a failure.
    """

    def __init__(self, tried: Any, folder: Path, rule: str) -> None:
        self.tried, self.folder, self.rule = tried, folder, rule

    @cached_property
    def plugins(self) -> Plugins:
        """The plugin and those that it needs."""
        return load_only(self.tried.plugin, self.tried.needs)

    @property
    def name(self) -> str:
        """Name of the plugin."""
        return name_of(self.tried.plugin)

    @property
    def subject(self) -> str:
        """What is tried, for the message of a failure."""
        return self.name

    def ask(self, hook: str, **arguments: Any) -> Any:
        """Return the plugin's answer to a hook."""
        if hook not in self.plugins.hooks_of(self.name):
            self.fail(f"it does not implement the hook {hook}")
        answers = self.plugins.hook(hook, self.name)(**arguments)
        return answers[0] if answers else None

    def fail(self, words: str) -> NoReturn:
        """Fail the rule, with the numbers."""
        import pytest

        pytest.fail(f"rule '{self.rule}': {self.subject}: {words}", pytrace=False)

    def skip(self, words: str) -> NoReturn:
        """Tell why the rule does not apply."""
        import pytest

        pytest.skip(f"rule '{self.rule}': {words}")

    def expect(self, error: type[Exception] | tuple[type[Exception], ...], act: Callable[[], Any], what: str) -> None:
        """Fail unless `act` raises `error`."""
        __tracebackhide__ = True
        right = " or ".join(one.__name__ for one in (error if isinstance(error, tuple) else (error,)))
        try:
            act()
        except error:
            return
        except StageSkipped as skipped:
            self.fail(f"{what} made it skip ({skipped}); {right} is the right error")
        except Exception as other:
            self.fail(f"{what} raised {type(other).__name__} ({other}); {right} is the right error")
        self.fail(f"{what} raised nothing; {right} is the right error")


def rule(name: str) -> Callable[[Callable[[Any, Any], None]], Test]:
    """Make a rule of a method: it gets a `Trial`, is skipped where the class is exempt, and its failure names it."""

    def make(method: Callable[[Any, Any], None]) -> Test:
        def test(self: Any, tmp_path: Path) -> None:
            __tracebackhide__ = True
            _skip_exempt(self, name)
            try:
                method(self, self.trial(self, tmp_path, name))
            except Exception as error:
                error.add_note(f"in the rule '{name}': {method.__doc__}")
                raise

        test.__name__, test.__qualname__, test.__doc__ = method.__name__, method.__qualname__, method.__doc__
        test.__module__ = method.__module__
        test.__dict__["iris_rule"] = name
        return test

    return make


def _skip_exempt(tried: Conformance, name: str) -> None:
    import pytest

    known = tried.rules()
    for wrong in set(tried.exempt) - set(known):
        pytest.fail(f"exempt: no rule '{wrong}'{did_you_mean(wrong, known)} Rules: {choices(known)}", pytrace=False)
    if name in tried.exempt:
        pytest.skip(f"rule '{name}': exempt: {tried.exempt[name]}")


class Conformance:
    """What the conformance classes share.

    Attributes
    ----------
    plugin
        The module, or another object, with the hook implementations.
    needs
        Plugins that have to be registered before it.
    exempt
        Rules that do not apply, each with the reason, which the report shows.
    """

    plugin: Any = None
    needs: ClassVar[Sequence[Any]] = ()
    exempt: ClassVar[Mapping[str, str]] = {}
    trial: ClassVar[type[Trial]] = Trial

    @classmethod
    def rules(cls) -> dict[str, str]:
        """Return the name of every rule, with its sentence."""
        return dict(_rules_in(cls))


def _rules_in(kind: type) -> Iterator[tuple[str, str]]:
    for name in dir(kind):
        method = getattr(kind, name)
        if hasattr(method, "iris_rule"):
            yield method.iris_rule, (method.__doc__ or "").strip().splitlines()[0]
