"""Run a recipe once for each implementation of a stage, and compare what comes out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from iris_compare._difference import Difference, measure_difference
from iris_compare._picture import draw_difference
from iris_compare._runs import Outcome, Trial, run_apart
from iris_compare._trials import folder_name, look_ahead, make_trials
from iris_core import read_fits

__all__ = ["Comparison", "compare_stages"]

Tell = Callable[[str], None]
Found = Mapping[str, Difference]

_READ = 1 << 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What a comparison found.

    Parameters
    ----------
    recipe, path, stage
        What was run, on which file, and the stage that is compared.
    product
        Suffix of the product that is the stage's own result.
    outcomes
        One for each implementation; the others are compared with the first.
    differences
        By implementation, and by suffix of the product: the stage's own result first.
    pictures
        The files that were drawn.
    """

    recipe: str
    path: Path
    stage: str
    product: str
    outcomes: tuple[Outcome, ...]
    differences: Mapping[str, Found]
    pictures: tuple[Path, ...]

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """The implementations whose run failed, or died."""
        return tuple(one for one in self.outcomes if one.error)

    def plain(self) -> dict[str, Any]:
        """Return it as data that can be written as JSON."""
        return {
            "recipe": self.recipe,
            "file": str(self.path),
            "stage": self.stage,
            "product": self.product,
            "runs": [_plain(one) for one in self.outcomes],
            "differences": {
                name: {suffix: one.plain() for suffix, one in found.items()} for name, found in self.differences.items()
            },
            "pictures": [str(path) for path in self.pictures],
        }


def _plain(outcome: Outcome) -> dict[str, Any]:
    products = {suffix: str(path) for suffix, path in outcome.products.items()}
    record = None if outcome.record is None else {**asdict(outcome.record), "params": dict(outcome.record.params)}
    return {**asdict(replace(outcome, record=None)), "products": products, "record": record}


def compare_stages(
    recipe: str | Path,
    file: str | Path,
    *,
    stage: str,
    use: Sequence[str],
    backgrounds: Sequence[str | Path] = (),
    out: str | Path = "compare",
    overwrite: bool = False,
    params: Mapping[str, Any] | None = None,
    references: Mapping[str, str | Path] | None = None,
    skip: Mapping[str, str] | None = None,
    instrument: str = "",
    plugin_files: Sequence[str | Path] = (),
    tell: Tell = lambda text: None,
) -> Comparison:
    """Run a recipe once for each implementation of a stage, each in a process of its own, and compare the results.

    Parameters
    ----------
    recipe
        Name or path of a recipe.
    file
        An exposure, or an association of one.
    stage
        The stage that is compared.
    use
        Names of two or more plugins that implement it.
    backgrounds
        Background exposures.
    out
        Folder of the products, in one folder for each implementation, and of the pictures.
    overwrite
        Whether `out` may hold files already; those of the same name are replaced.
    params
        ``{"flat_field.inverse": True}`` for all, ``{"my-flat:flat_field.mean": 2}`` for one implementation.
    references
        ``{"flat": "flat.fits"}`` for all, ``{"my-flat:lamp": "lamp.fits"}`` for one implementation.
    skip, instrument, plugin_files
        As of `iris_core.run`, for all.
    tell
        Called with what is being done.

    Returns
    -------
    Comparison
        A run that fails is in it; the others are not affected.

    Raises
    ------
    InputError, Problems
        Everything that is wrong before the first run.
    """
    trials = make_trials(
        str(recipe),
        Path(file),
        stage,
        use,
        backgrounds=[Path(one) for one in backgrounds],
        out=Path(out),
        overwrite=overwrite,
        params=params or {},
        references={name: Path(path) for name, path in (references or {}).items()},
        skip=skip,
        instrument=instrument,
        plugin_files=[Path(one) for one in plugin_files],
    )
    tell("checking")
    prospects = look_ahead(trials)
    _read_once({path for one in prospects for path in one.files})
    outcomes = tuple(_run(trial, tell) for trial in trials)
    pictures: list[Path] = []
    differences = {
        other.implementation: _compare(outcomes[0], other, prospects[0].product, Path(out), pictures, tell)
        for other in outcomes[1:]
    }
    return Comparison(
        recipe=str(recipe),
        path=Path(file),
        stage=stage,
        product=prospects[0].product,
        outcomes=outcomes,
        differences=differences,
        pictures=tuple(pictures),
    )


def _read_once(files: Iterable[Path]) -> None:
    """Read files through once: then no run alone has to wait for the disk."""
    for path in files:
        with path.open("rb") as file:
            while file.read(_READ):
                pass


def _run(trial: Trial, tell: Tell) -> Outcome:
    tell(f"{trial.implementation}: {trial.recipe}")
    return run_apart(trial)


def _compare(first: Outcome, other: Outcome, product: str, out: Path, pictures: list[Path], tell: Tell) -> Found:
    """Measure the products that both have, the stage's own result first; draw those that differ."""
    names = first.implementation, other.implementation
    found: dict[str, Difference] = {}
    common = (suffix for suffix in first.products if suffix in other.products)
    for suffix in sorted(
        common, key=lambda one: one != product
    ):  # a stable sort: the others stay as the recipe has them
        tell(f"{names[1]}: comparing {suffix}")
        exposures = read_fits(first.products[suffix]), read_fits(other.products[suffix])
        found[suffix] = difference = measure_difference(*exposures)
        if not difference.refusal and not difference.identical:
            picture = out / f"{suffix}_{folder_name(names[1])}_vs_{folder_name(names[0])}.png"
            title = f"{suffix} of {exposures[0].meta.filename}"
            draw_difference(*exposures, difference, picture, names=names, title=title)
            pictures.append(picture)
    return found
