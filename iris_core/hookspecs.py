"""Every hook of the framework: the table of contents of what a plugin can do.

A plugin is a module, installed under the entry-point group ``iris_core``. It implements a stage with
`iris_core.stage` and any other hook with `iris_core.hookimpl`; it names only the arguments it needs.

Stages run in the order of the recipe, each by the one implementation that was chosen. Of the other hooks that answer
a question (a reader, a provider of references) exactly one plugin may answer; two answers and no choice are an error.

Data are in electron/s or DN/s until photom, in MJy/sr after it; float32, ``(ny, nx)`` or ``(nint, ny, nx)``.
All stages: a pixel whose value or error is not finite, or that has DO_NOT_USE, is NaN with DO_NOT_USE afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iris_core.dq import DQ
from iris_core.exposure import Exposure
from iris_core.exposures import Exposures
from iris_core.stages import Params, hookspec, stage_spec

if TYPE_CHECKING:
    from concurrent.futures import Executor

    import pluggy

    from iris_core.instruments import InstrumentMode
    from iris_core.recipe import Overrides, Recipe
    from iris_core.reference import Candidate, Reference, ReferenceFiles, References, ReferenceType
    from iris_core.report import ExposureResult, Job, Products, Report, Standing
    from iris_core.step import Step

Stack = Sequence[Exposure]


@stage_spec(
    status="S_BKDSUB",
    aliases=("S_SKYSUB",),
    product="bsub",
    consumes_backgrounds=True,
    removes="background",
    may_remove=("dark",),
)
def background(
    exposure: Exposure, params: Params, references: References, background_exposures: Stack, instrument: InstrumentMode
) -> Exposure:
    """Subtract the background of the sky, and of the detector if it is still in all exposures alike.

    Units: unchanged. Adds the variance component ``background``; DO_NOT_USE where no background is known. An
    implementation declares how much of the dark current its subtraction removes, ``removes={"dark": Removal.WHOLE}``.

    Several background exposures may be `Exposures`, as stages of many are given them: ``background_exposures[i]`` reads
    one of them, `Exposures.part` some of its rows, and the check is given their outlines.

    Examples
    --------
    >>> @stage("background", removes={"dark": Removal.NO})
    ... def subtract_constant(exposure):
    ...     return exposure.replace(data=exposure.data - 3)
    """


@stage_spec(status="S_PARSSA", dq=DQ.SUBARRAY)
def parse_subarray_map(
    exposure: Exposure, params: Params, references: References, background_exposures: Stack, instrument: InstrumentMode
) -> Exposure:
    """Turn the plane SUBARR_MAP into a list of windows, and flag their pixels SUBARRAY and DO_NOT_USE.

    Units: unchanged.

    Examples
    --------
    >>> @stage("parse_subarray_map")
    ... def no_windows(exposure):
    ...     raise StageSkipped("this camera has no subarrays")
    """


@stage_spec(status="S_WCS")
def assign_wcs(
    exposure: Exposure, params: Params, references: References, background_exposures: Stack, instrument: InstrumentMode
) -> Exposure:
    """Attach a gWCS: 0-based detector pixel to sky, with bounding box and inverse, and the FITS keywords for it.

    Units: unchanged; pixels are not touched.

    Examples
    --------
    >>> @stage("assign_wcs", references=("distortion",))
    ... def from_distortion(exposure, references):
    ...     return exposure.replace(wcs=build(references["distortion"].model(), exposure.meta))
    """


@stage_spec(status="S_DARK", dq=DQ.UNRELIABLE_DARK, removes="dark")
def dark_current(
    exposure: Exposure, params: Params, references: References, background_exposures: Stack, instrument: InstrumentMode
) -> Exposure:
    """Subtract the dark current, a rate in the exposure's unit.

    Units: unchanged. Adds the variance component ``dark``; adds the dark's DQ; UNRELIABLE_DARK where it has no value.
    Where the background subtraction has removed the dark current already, the framework does not call the stage and
    adds the DQ of its reference file only.

    Examples
    --------
    >>> @stage("dark_current", references=("dark",))
    ... def subtract(exposure, references):
    ...     return exposure.replace(data=exposure.data - references["dark"].image(exposure).data)
    """


@stage_spec(status="S_FLAT", dq=DQ.NO_FLAT_FIELD | DQ.UNRELIABLE_FLAT, removes="flat")
def flat_field(
    exposure: Exposure, params: Params, references: References, background_exposures: Stack, instrument: InstrumentMode
) -> Exposure:
    """Divide by the flat, a response without unit, near 1.

    Units: unchanged. Scales every variance component, adds ``flat``; NO_FLAT_FIELD, DO_NOT_USE where the flat is bad.

    Examples
    --------
    >>> @stage("flat_field", references=("flat",))
    ... def divide(exposure, references):
    ...     return exposure.scale(1 / references["flat"].image(exposure).data).mask_invalid()
    """


@stage_spec(status="S_PHOTOM", aliases=("S_FLUXCL",), unit="MJy / sr")
def photom(
    exposure: Exposure, params: Params, references: References, background_exposures: Stack, instrument: InstrumentMode
) -> Exposure:
    """Convert to surface brightness.

    Units: electron/s or DN/s in, MJy/sr out. Writes PHOTMJSR, PHOTUJA2, PIXAR_SR, PIXAR_A2; attaches `area` if known.

    Examples
    --------
    >>> @stage("photom")
    ... def constant(exposure):
    ...     return exposure.scale(0.25).replace(unit=u.MJy / u.sr)
    """


@stage_spec(status="S_RESAMP", product="i2d", reshapes=True)
def resample(
    exposure: Exposure, params: Params, references: References, background_exposures: Stack, instrument: InstrumentMode
) -> Exposure:
    """Put the image onto a rectified grid.

    Units: unchanged, surface brightness is conserved. Shape, WCS and area change; planes WHT and CON are added.

    Examples
    --------
    >>> @stage("resample")
    ... def already_rectified(exposure):
    ...     raise StageSkipped("the detector has no distortion")
    """


@hookspec(firstresult=True)
def run_stage(
    step: Step, exposure: Exposure, references: References, background_exposures: Stack, instrument: InstrumentMode
) -> Exposure:
    """Run one step on one exposure. Wrap it to act around every stage, in recipes that list the plugin under ``with:``.

    To act around one stage, wrap the hook of that stage: ``@hookimpl(wrapper=True) def flat_field(exposure)``.

    Examples
    --------
    >>> @hookimpl(wrapper=True)
    ... def run_stage(step, exposure):
    ...     result = yield
    ...     logging.getLogger("lab").info("%s: median %.3g", step.stage, np.nanmedian(result.data))
    ...     return result
    """


@hookspec(firstresult=True)
def run_group_stage(step: Step, exposures: Exposures, references: References, instrument: InstrumentMode) -> Any:
    """Run one step on many exposures. Wrap it to act around every such stage, as `run_stage`.

    Examples
    --------
    >>> @hookimpl(wrapper=True)
    ... def run_group_stage(step, exposures):
    ...     logging.getLogger("lab").info("%s: %d exposures", step.stage, len(exposures))
    ...     return (yield)
    """


@hookspec
def reference_types() -> Sequence[ReferenceType]:
    """Return the types of reference files that a package's stages need, with the keywords that select a file.

    Examples
    --------
    >>> @hookimpl
    ... def reference_types():
    ...     return [ReferenceType(name="ghosts", selectors=("INSTRUME", "DETECTOR", "FILTER"))]
    """


@hookspec
def find_reference(reftype: str, exposure: Exposure, instrument: InstrumentMode) -> Reference | None:
    """Return the best reference file of a type for an exposure (an outline), or None where this provider has none.

    Of the installed providers exactly one may answer, unless the recipe names those to ask
    (``references: {providers: [...]}``). Raise `ReferenceNotFound` where two files are equally good.

    Examples
    --------
    >>> @hookimpl
    ... def find_reference(reftype, exposure):
    ...     path = Path("/calib") / f"{exposure.meta.detector}_{reftype}.fits"
    ...     return Reference(reftype=reftype, path=path, provider="calib") if path.exists() else None
    """


@hookspec
def explain_reference(reftype: str, exposure: Exposure, instrument: InstrumentMode) -> Sequence[Candidate]:
    """Return the files that this provider considered for a reference type, and why each was not chosen.

    Examples
    --------
    >>> @hookimpl
    ... def explain_reference(reftype, exposure):
    ...     return [Candidate(path=path, reason="FILTER is J, not Kbb") for path in rejected]
    """


@hookspec
def check_reference(reference: Reference, instrument: InstrumentMode) -> Sequence[str]:
    """Return what is wrong with a reference file that is being added to a store; nothing for other types.

    Examples
    --------
    >>> @hookimpl
    ... def check_reference(reference):
    ...     if reference.reftype == "photom" and not len(reference.table()):
    ...         return ["it has no rows"]
    """


@hookspec
def open_references(recipe: Recipe, plugins: Any) -> ReferenceFiles | None:
    """Return the reference files of a run, which are chosen and read through it; the framework's own serve all recipes.

    Examples
    --------
    >>> @hookimpl
    ... def open_references(recipe, plugins):
    ...     return MyReferences(plugins) if recipe.name == "mine" else None
    """


@hookspec
def open_products(recipe: Recipe, plugins: Any) -> Products | None:
    """Return where the products of a run go; the framework's own are files in a folder.

    Examples
    --------
    >>> @hookimpl
    ... def open_products(recipe, plugins):
    ...     return MyArchive(recipe, plugins) if recipe.output.directory == "archive:" else None
    """


@hookspec
def open_store(folder: Path, plugins: Any) -> object | None:
    """Return the provider for a folder of reference files, or None where the folder is of another kind.

    A provider implements ``find_reference`` and ``explain_reference``. A folder that no plugin knows is searched by the
    headers of its files.

    Examples
    --------
    >>> @hookimpl
    ... def open_store(folder):
    ...     return MyStore(folder) if (folder / "mystore.db").exists() else None
    """


@hookspec
def add_to_store(folder: Path, files: Sequence[Path], plugins: Any, replace: bool) -> Sequence[str] | None:
    """Add reference files to a folder of them, all or none, and return their names there; None for another folder.

    ``iris run --add-to FOLDER`` calls it with what the run has made. Raise `Problems` where a file is no valid one.

    Examples
    --------
    >>> @hookimpl
    ... def add_to_store(folder, files):
    ...     return upload(files) if folder.name == "archive" else None
    """


@hookspec
def read_exposure(path: Path, pixels: bool, reftype: str) -> Exposure | None:
    """Return the exposure in a file, or None where this reader does not know the file.

    Without `pixels` return its outline: headers, unit and shape, its planes made by `iris_core.blank_plane`.
    `reftype` is ``""`` for an exposure, and the type (``"flat"`` ...) of an image used as a reference.
    FITS and ASDF are read by the framework where no other reader answers; where two answer, the recipe has to choose
    (``reader: my-reader``).

    Examples
    --------
    >>> @hookimpl
    ... def read_exposure(path, pixels):
    ...     return read_mine(path, pixels) if path.suffix == ".mine" else None
    """


@hookspec
def read_reference(path: Path, kind: str, reftype: str) -> object | None:
    """Return what a reference file that is no image holds, as the kind of its type says; None for another file.

    A ``"table"`` or ``"model"`` is one of astropy's; what an ``"other"`` is the package of the type knows. It has the
    keywords of the file as a mapping `meta`.

    Examples
    --------
    >>> @hookimpl
    ... def read_reference(path, kind):
    ...     return read_my_table(path) if kind == "table" and path.suffix == ".mine" else None
    """


@hookspec
def compare_products(run: Any, plans: Mapping[Job, Any]) -> Mapping[Job, Standing]:
    """Return of each job whether its products are there, whole and the same as they would be made now.

    Examples
    --------
    >>> @hookimpl
    ... def compare_products(plans):
    ...     return {job: Standing(reasons=("all is made anew",)) for job in plans}
    """


@hookspec
def read_jobs(
    files: Sequence[Path], backgrounds: Sequence[Path], recipe: Recipe, plugins: Any, allow_outside: bool
) -> Sequence[Job] | None:
    """Return the exposures to calibrate, from the files that are given to a run.

    Examples
    --------
    >>> @hookimpl
    ... def read_jobs(files, recipe):
    ...     return pairs_of(files) if recipe.name == "my-nodding" else None
    """


@hookspec
def read_association(path: Path, allow_outside: bool, recipe: Recipe, plugins: Any) -> Sequence[Job] | None:
    """Return the exposures that an association file, or a folder, has for a recipe; None for other files.

    Files that are given beside each other to a recipe of many exposures are one group: of such a file this may return
    one job whose only member is the file itself, with its role.

    Examples
    --------
    >>> @hookimpl
    ... def read_association(path):
    ...     return [Job(Path(line)) for line in path.open()] if path.suffix == ".list" else None
    """


@hookspec
def write_product(exposure: Exposure, path: Path) -> Path | None:
    """Write a product to a path that the runner renames afterwards, and return it; None for an unknown suffix.

    Examples
    --------
    >>> @hookimpl
    ... def write_product(exposure, path):
    ...     return write_mine(exposure, path) if path.suffix == ".mine" else None
    """


@hookspec
def instrument_modes() -> Sequence[InstrumentMode]:
    """Return the instrument modes that a package brings.

    Examples
    --------
    >>> @hookimpl
    ... def instrument_modes():
    ...     return [load_mode(Path(__file__).with_name("camera.yaml"))]
    """


@hookspec
def executors() -> Mapping[str, Callable[..., Executor]]:
    """Return executors by name: functions from the number of workers to a `concurrent.futures.Executor`.

    What else a function names as arguments are keys of ``executor:`` in a recipe: those of its own, which are left to
    their defaults where the recipe has none, and `memory` [byte], `workers` and `scratch` as given there, or None.

    Examples
    --------
    >>> @hookimpl
    ... def executors():
    ...     return {"my-processes": ProcessPoolExecutor}
    """


@hookspec
def calibrate_jobs(run: Any, plans: Mapping[Job, Any]) -> Iterator[tuple[Job, ExposureResult]] | None:
    """Calibrate the exposures of a run and return their results as they come.

    The framework's own serves all of `executors`.

    Examples
    --------
    >>> @hookimpl
    ... def calibrate_jobs(run, plans):
    ...     return submit_to_my_queue(run, plans) if run.recipe.executor.name == "my-queue" else None
    """


@hookspec
def plan_group(run: Any, job: Job, members: Sequence[tuple[str, Exposure]], backgrounds: Sequence[Exposure]) -> Any:
    """Plan what is made of many exposures, of which the roles and the outlines are given.

    Examples
    --------
    >>> @hookimpl
    ... def plan_group(run, job, members):
    ...     return plan_mine(run, members) if run.recipe.name == "mine" else None
    """


@hookspec
def recipes() -> Mapping[str, Path]:
    """Return the recipes that a package brings, by name.

    Examples
    --------
    >>> @hookimpl
    ... def recipes():
    ...     return {"my-dither": Path(__file__).with_name("my-dither.yaml")}
    """


@hookspec
def read_recipe(recipe: str | Recipe, overrides: Overrides, plugins: Any) -> Recipe | None:
    """Return a recipe with the overrides put over it; None for a file in a format of others.

    Examples
    --------
    >>> @hookimpl
    ... def read_recipe(recipe, overrides):
    ...     return read_toml(recipe, overrides) if str(recipe).endswith(".toml") else None
    """


@hookspec
def run_finished(report: Report) -> None:
    r"""Act when all exposures of a run are done: write a report, tell an archive.

    Examples
    --------
    >>> @hookimpl
    ... def run_finished(report):
    ...     Path("failed.txt").write_text("\n".join(result.name for result in report.failed))
    """


@hookspec(historic=True)
def add_hookspecs(pluginmanager: pluggy.PluginManager) -> Any:
    """Declare hooks of your own, stages among them: ``pluginmanager.add_hookspecs(module)``.

    Examples
    --------
    >>> @hookimpl
    ... def add_hookspecs(pluginmanager):
    ...     pluginmanager.add_hookspecs(my_hookspecs)
    """
