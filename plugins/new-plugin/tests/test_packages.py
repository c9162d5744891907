"""A package works as it is made: its tests pass, linters and type checkers are content, its metadata are true."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import Result

# By what a generated package depends on, the module that is imported.
MODULES = {
    "iris-nir": "iris_core",
    "iris-testkit": "iris_testkit",
    "my-destripe": "my_destripe",
    "third-party": "third_party",
}


@pytest.mark.slow
def test_its_tests_pass_once_it_is_installed(package: Any) -> None:
    """Rules that cannot apply are skipped, and no others."""
    done = package.run("pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    skipped = re.findall(r"SKIPPED \[\d+\] \S+: (.*)", done.stdout)
    reasons = ("no reference file", "no reference image", "none of its reference images", "the stage reshapes")
    why = "|".join((*reasons, "nothing but its own", "to be filled in"))
    assert not [one for one in skipped if not re.search(why, one)]
    if package.name in ("my-dark", "my-flat", "my-destripe"):  # these have a reference image and keep the shape
        assert len(skipped) == 1
        assert "'removes'" in skipped[0]


def assert_ruff_is_content(folder: Path) -> None:
    for command in (["check"], ["format", "--diff"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--no-cache", "."]
        done = subprocess.run(ruff, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def test_ruff_is_content(packages: dict[str, Any]) -> None:
    assert_ruff_is_content(packages["my-dark"].folder.parent)


def test_ruff_is_content_with_names_as_long_as_they_may_be(
    new_plugin: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, third_party: Path
) -> None:
    monkeypatch.syspath_prepend(str(third_party))
    stages = "background parse_subarray_map assign_wcs dark_current flat_field photom resample remove_glow in_counts"
    kinds = [*(["stage", "--stage", stage] for stage in stages.split()), ["new-stage", "--stage", "a" + 39 * "b"]]
    kinds += [["new-stage", "--group", "--stage", "b" + 39 * "c"]]
    for index, (kind, *options) in enumerate([*kinds, ["mode"], ["mode", "--reader"], ["references"]]):
        name = f"long-{'x' * 32}-{index:02}"
        assert len(name) == 40
        result = new_plugin(kind, name, *options, "--out", tmp_path)
        assert result.exit_code == 0, result.output
    assert_ruff_is_content(tmp_path)


@pytest.mark.slow
def test_mypy_is_content(packages: dict[str, Any], tmp_path: Path) -> None:
    """One cache serves all packages; mypy takes files of one name, one time and one size for the same."""
    for time, path in enumerate(path for package in packages.values() for path in package.folder.rglob("*.py")):
        os.utime(path, (time, time))
    done = {name: package.run("mypy", "--cache-dir", str(tmp_path)) for name, package in packages.items()}
    assert not {name: one.stdout for name, one in done.items() if one.returncode}


def roots_of(path: Path) -> set[str]:
    """Return the modules that a file imports, at its top or in functions."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)]
    return {name.split(".")[0] for name in names}


def test_it_imports_nothing_that_it_does_not_depend_on(package: Any) -> None:
    project = package.project["project"]
    stated = [
        re.split("[><=]", one)[0] for one in (*project["dependencies"], *project["optional-dependencies"]["test"])
    ]
    allowed = {MODULES.get(one, one) for one in stated} | {package.module} | sys.stdlib_module_names
    for path in package.folder.rglob("*.py"):
        assert roots_of(path) <= allowed, path


def test_what_it_imports_of_iris_core_is_public(package: Any) -> None:
    for path in package.folder.rglob("*.py"):
        text = path.read_text()
        assert set(re.findall(r"(?:from|import) (iris_core[\w.]*)", text)) <= {"iris_core"}, path


def test_its_metadata_name_the_author(package: Any) -> None:
    project = package.project["project"]
    assert project["authors"] == [{"name": 'Ada O\'Neil "the lab"', "email": "ada@example.org"}]
    assert 'Ada O\'Neil "the lab"' in (package.folder / "LICENSE").read_text()
    assert package.folder.joinpath("README.md").read_text().startswith(f"# {package.name}\n")


def test_no_template_is_left_in_it(package: Any) -> None:
    for path in package.folder.rglob("*"):
        if path.is_file():
            assert not re.search(r"<<|>>(?!>)\s*[^>]|<%|%>", path.read_text().replace(">>> ", "")), path


def test_its_readme_lists_its_files_and_its_parameters(package: Any) -> None:
    readme = (package.folder / "README.md").read_text()
    for path in re.findall(r"^\| `([\w/.]+\.(?:py|yaml))` \|", readme, flags=re.MULTILINE):
        assert (package.folder / path).is_file(), path
    for source in sorted(package.folder.glob(f"{package.module}/*.py")):
        assert f"`{package.module}/{source.name}`" in readme
        for parameter in re.findall(r"^    (\w+): [^=]+ = parameter\(", source.read_text(), flags=re.MULTILINE):
            assert f"| `{parameter}` |" in readme


def test_its_workflow_is_yaml_whose_commands_are_those_of_the_readme(package: Any) -> None:
    jobs = yaml.safe_load((package.folder / ".github" / "workflows" / "ci.yml").read_text())["jobs"]
    commands = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    assert {"ruff check .", "ruff format --check .", "mypy", "pytest"} <= set(commands)
    assert f"rm -r {package.module} && pytest" in commands


@pytest.mark.parametrize(
    ("name", "needed"), [("lab-destripe", "my-destripe>=0.1"), ("lab-sky", "third-party>=2.1"), ("my-dark", "")]
)
def test_it_depends_on_the_package_that_declares_its_stage(packages: dict[str, Any], name: str, needed: str) -> None:
    more = [
        one for one in packages[name].project["project"]["dependencies"] if not one.startswith(("iris-nir", "numpy"))
    ]
    assert more == ([needed] if needed else [])


def test_it_depends_on_a_range_of_the_core_and_its_tests_on_the_kit(package: Any) -> None:
    project = package.project["project"]
    assert "iris-nir>=0.2,<0.3" in project["dependencies"]
    assert any(one.startswith("iris-testkit>=0.2") for one in project["optional-dependencies"]["test"])


def test_its_only_entry_point_is_the_plugin(package: Any) -> None:
    assert package.project["project"]["entry-points"] == {"iris_core": {package.name: package.module}}


def test_a_background_declares_that_it_removes_the_dark_where_the_stage_may(packages: dict[str, Any]) -> None:
    declared = {
        name: (packages[name].folder / packages[name].module / "__init__.py").read_text()
        for name in ("my-background", "lab-sky")
    }
    assert 'removes={"dark": Removal.WHOLE}' in declared["my-background"]
    assert "Removal" not in declared["lab-sky"]
