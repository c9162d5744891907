"""What the documentation shows is true: its code runs, its recipes load, generated pages are up to date."""

from __future__ import annotations

import doctest
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from inspect import isfunction
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from sybil import Document, Example
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser

from iris_core import Check, Exposure, ExposureResult, Report, StageRecord, load_plugins
from iris_core.recipes.reading import load_recipe

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
MADE = ("_build", "gallery", "api")  # by the build of the site
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *(path for path in sorted(DOCS.rglob("*.md")) if not {*path.relative_to(DOCS).parts} & {*MADE}),
    *sorted(ROOT.glob("plugins/*/README.md")),
]
SCHEMA = json.loads((DOCS / "reference" / "recipe.schema.json").read_text())

# The only blocks that are not run, by their first line, and why.
NOT_RUN = {
    "make demo   # simulates an IRIS exposure set, calibrates it, compares it with the truth: look into demo/": (
        "installs everything anew and runs these very tests; the continuous integration does the same"
    ),
    "pip install . ./plugins/*         # from a checkout: the core and every plugin": "installs everything anew",
    "iris run nirc2-dither raw --output-dir deep \\": "the frames are the archive's, not ours",
    "iris run nirc2-dither raw --output-dir halo --set dither_sky.exposures=8 --reference objects=objects.reg \\": (
        "the frames are the archive's, not ours"
    ),
    'source-extractor "deep/SIMULATED-FIELD_Kbb_i2d.fits[1]" \\': "a program that is not a package of Python",
    "iris nirc2 distortion nirc2_distort_?_pre20150413_v2.fits nirc2_distort_?_post20150413_v1.fits "
    "--output-dir references": "the tables are not ours; plugins/nirc2/tests/test_distortion.py has some of their form",
    "sbatch night.sh": "needs Slurm; the tests of iris-workflow start the commands of such a script",
    "snakemake --cores 8": "a test of iris-workflow runs a Snakefile where snakemake is installed",
    "dask scheduler --host head --port 8786 --no-dashboard": "of three machines, and it does not end",
    "dask worker tcp://head:8786 --nthreads 1 --nworkers 16 --memory-limit 4GiB --no-dashboard": "as the scheduler",
    "IRIS_DASK_ADDRESS=tcp://head:8786 iris run image2 night/*_asn.json --output-dir out --executor dask --resume": (
        "needs the scheduler; the tests of the package start one"
    ),
    "cd my-dark": "installs a package; the tests of the package type these commands",
    '(cd my-camera && pip install -e ".[test]" && pytest)': "installs a package; the tests of new-plugin do that",
}


NAMED = re.compile(r"(?:#|\"\"\") ?([\w.-]+\.(?:py|yaml|toml|json))\b")


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def block_of(example: Example) -> str:
    return str(example.parsed)


def saved(example: Example) -> None:
    """Write a block that names its file in the first line, as a reader would."""
    text = block_of(example)
    if named := NAMED.match(text):
        Path(named[1]).write_text(text)


def run_python(example: Example) -> None:
    saved(example)
    PythonEvaluator()(example)


def run_shell(example: Example) -> None:
    if block_of(example).partition("\n")[0] not in NOT_RUN:
        done = shell(block_of(example))
        assert done.returncode == 0, f"{done.stdout}{done.stderr}"


def run_console(example: Example) -> None:
    """Compare what each command prints with what the page shows; ``...`` stands for what is left out."""
    for command, shown in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n?)*)", block_of(example), flags=re.MULTILINE):
        done = shell(command)
        printed = re.sub(r" +$", "", done.stdout + done.stderr, flags=re.MULTILINE)
        assert shown.strip(), f"'{command}' is shown without what it prints"
        checker = doctest.OutputChecker()
        assert checker.check_output(shown.strip() + "\n", printed.strip() + "\n", doctest.ELLIPSIS), printed


def shell(command: str) -> subprocess.CompletedProcess[str]:
    binaries = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{binaries}:{os.environ['PATH']}", "COLUMNS": "100"}
    line = ["bash", "-euo", "pipefail", "-c", command]
    return subprocess.run(line, capture_output=True, text=True, env=environment, check=False, timeout=300)


def read_yaml(example: Example) -> None:
    saved(example)
    text = block_of(example)
    if re.search(r"^recipe:", text, flags=re.MULTILINE):
        path = Path("block.yaml")
        path.write_text(text)
        assert load_recipe(path, load_plugins().recipes()).steps
        jsonschema.validate(yaml.safe_load(text), SCHEMA)
    else:
        assert yaml.safe_load(text)


def read_json(example: Example) -> None:
    saved(example)
    assert json.loads(block_of(example))


def read_toml(example: Example) -> None:
    saved(example)
    assert tomllib.loads(block_of(example))


READ: dict[str, Callable[[Example], None]] = {
    "python": run_python,
    "sh": run_shell,
    "console": run_console,
    "yaml": read_yaml,
    "json": read_json,
    "toml": read_toml,
}


def parse(page: Path) -> Document:
    return Document.parse(str(page), *(CodeBlockParser(language, reader) for language, reader in READ.items()))


def blocks(page: Path, language: str) -> list[str]:
    parser = CodeBlockParser(language, READ[language])
    return [block_of(example) for example in Document.parse(str(page), parser).examples()]


@pytest.fixture(scope="session")
def simulated_night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a small simulated set, made once: two exposures, four of the sky, references, truth."""
    folder = tmp_path_factory.mktemp("simulated")
    done = shell(f"iris simulate --size 256 --dithers 2 --backgrounds 4 --out {folder}/night")
    assert done.returncode == 0, done.stderr
    return folder / "night"


@pytest.fixture
def reader_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the folder of somebody who follows a page, and is in it: what is saved there can be imported."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    shutil.copytree(ROOT / "tests" / "data", tmp_path / "tests" / "data")
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if list(parse(page).examples())], ids=name_of)
def test_every_block_of_a_page_runs_in_order(page: Path, reader_folder: Path, simulated_night: Path) -> None:
    if not any("iris simulate" in block for block in blocks(page, "sh")):
        shutil.copytree(simulated_night, "night")
    document = parse(page)
    document.namespace.update(__name__="page", __file__=str(reader_folder / "page.py"))
    for example in document.examples():
        example.evaluate()


WITH_TESTS = [page for page in PAGES if "\ndef test_" in page.read_text() and "\npytest " not in page.read_text()]


@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_TESTS, ids=name_of)  # others run pytest in a block of their own
def test_tests_of_a_page_pass(page: Path, reader_folder: Path) -> None:
    own = [block for block in blocks(page, "python") if not NAMED.match(block)]  # others are files of their own
    Path("test_page.py").write_text("\n\n".join(own))
    done = shell(f"{sys.executable} -m pytest -q -p no:cacheprovider test_page.py")
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_block_has_a_language_that_is_run_or_read(page: Path) -> None:
    fences = re.findall(r"^ *```+(.*)$", page.read_text(), flags=re.MULTILINE)
    for language in (opening.strip() for opening in fences[::2]):
        assert language in READ or language == "math" or language.startswith("{"), f"'{language}' is not"


def test_what_is_not_run_is_still_there() -> None:
    shown = {block.partition("\n")[0] for page in PAGES for block in blocks(page, "sh")}
    assert set(NOT_RUN) <= shown


def test_every_public_name_of_a_package_that_others_build_on_is_in_the_reference() -> None:
    """Of what is no hook: what plugins import of each other, and what a user of Python calls."""
    text = (DOCS / "reference/api.md").read_text(encoding="utf-8")
    sources = [path for path in DOCS.parent.glob("plugins/*/iris_*/*.py") if path.parent.name != "iris_testkit"]
    used = {
        f"{module}.{name.strip()}"
        for path in sources
        for module, names in re.findall(r"^ *from (iris_(?!core|testkit)\w+) import ([\w, ]+)$", path.read_text(), re.M)
        if module != path.parent.name
        for name in names.split(",")
    }
    assert "iris_objects.celestial_wcs" in used
    constants = {name for name in used if name.rpartition(".")[2].isupper()}
    assert not {name for name in used - constants if f"`{name}`" not in text}


def test_generated_pages_are_up_to_date() -> None:
    line = [sys.executable, str(DOCS / "generate.py"), "--check"]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_page_is_in_the_navigation() -> None:
    pages = {path.relative_to(DOCS).with_suffix("") for path in PAGES if path.is_relative_to(DOCS)}
    listed = {Path("index")}
    for path in (path for path in PAGES if path.is_relative_to(DOCS)):
        for tree in re.findall(r"```{toctree}\n(.*?)```", path.read_text(), flags=re.DOTALL):
            names = [line.split("<")[-1].rstrip(">") for line in tree.splitlines() if line and not line.startswith(":")]
            listed |= {path.parent.relative_to(DOCS) / name for name in names}
    assert pages <= listed, f"in no toctree: {sorted(map(str, pages - listed))}"


def test_the_stage_swap_of_the_readme_takes_five_lines() -> None:
    swap = next(block for block in blocks(PAGES[0], "python") if "swap_stage" in block)
    assert len([line for line in swap.splitlines() if line.strip()]) <= 5


def test_the_package_of_the_plugin_page_ships_what_its_entry_point_names() -> None:
    tables = [tomllib.loads(blocks(DOCS / name, "toml")[0]) for name in ("plugins.md", "tutorials/new-stage.md")]
    assert {"build-system", "project", "tool"} <= set(tables[0])
    for table in tables:
        points = table["project"]["entry-points"]
        (module,) = points["iris_core"].values()
        assert list(points) == ["iris_core"]
        assert f"{module}.py" in table["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]


def test_every_method_of_an_exposure_is_on_the_plugin_page() -> None:
    """Methods and what results have is told in tables, which nobody runs."""
    plugins, python = ((DOCS / name).read_text() for name in ("plugins.md", "python.md"))
    for name in (name for name, one in vars(Exposure).items() if isfunction(one) and not name.startswith("_")):
        assert f"`{name}(" in plugins
    kinds: tuple[Any, ...] = (Report, ExposureResult, Check, StageRecord)
    for kind in kinds:
        for name in (name for name in vars(kind) if not name.startswith("_")):
            assert f"`{name}" in python or name == "keyword", f"{kind.__name__}.{name}"
