"""Which reference file a stage gets for an exposure, and why."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from os.path import isfile
from pathlib import Path
from typing import Any

from iris_core.errors import IrisError, PluginError, RecipeError, ReferenceNotFound, choices, did_you_mean, one_line
from iris_core.exposure import Exposure
from iris_core.instruments import InstrumentMode
from iris_core.plugins import STORE, Plugins
from iris_core.recipe import Recipe
from iris_core.reference import Candidate, Choice, Need, Reference
from iris_core.references.library import ReferenceLibrary
from iris_core.references.matching import differences, mismatches, selectors, unstated

__all__ = ["RunReferences"]


class RunReferences(ReferenceLibrary):
    """The reference files of a run: those named by hand first, then what the one provider with an answer chooses.

    Parameters
    ----------
    recipe
        Names files, a folder (``store``) and providers.
    plugins
        The providers, to which the folder is added.

    Attributes
    ----------
    problems
        What is wrong with the files, the folder and the providers that are named.
    """

    def __init__(self, recipe: Recipe, plugins: Plugins) -> None:
        super().__init__(plugins)
        self._plugins, self._places = plugins, recipe.reference_places
        self._named = {reftype: path for reftype, path in recipe.references.items() if reftype != STORE}
        self.problems: list[IrisError] = [self._missing(one) for one in self._named if not isfile(self._named[one])]
        default = os.environ.get("IRIS_REFERENCES")
        folder = recipe.references.get(STORE) or (Path(default) if default else None)
        if folder is not None:
            self._open_store(folder)
        elif STORE in recipe.providers:
            self.problems.append(
                RecipeError(f"{recipe.label}: providers has {STORE}, but no folder; name it: --reference {STORE}=DIR")
            )
        # A folder that the recipe names is a choice; one in the environment is one provider among others.
        first = (STORE,) if STORE in recipe.references and STORE not in recipe.providers else ()
        self.problems += plugins.answer_only("find_reference", (*first, *recipe.providers), recipe.label)
        plugins.chosen["explain_reference"] = plugins.chosen["find_reference"]

    def _open_store(self, folder: Path) -> None:
        known = self._plugins.origins.get(STORE)
        if known is not None and known.source == str(folder):
            return  # of this run, of which one association has reference files of its own
        try:
            store = self._plugins.ask_one("open_store", folder, folder=folder, plugins=self._plugins)
            self._plugins.add(STORE, store, source=str(folder))
        except IrisError as error:
            self.problems.append(RecipeError(f"{self._places.get(STORE, 'IRIS_REFERENCES')}: {error}"))

    def _missing(self, reftype: str) -> ReferenceNotFound:
        return ReferenceNotFound(f"{self._place(reftype)}: no such {reftype} reference file: {self._named[reftype]}")

    def _place(self, reftype: str) -> str:
        return self._places.get(reftype, "references")

    def unused(self, needs: Iterable[Need], skipped: Iterable[Need]) -> list[IrisError]:
        """Return an error for each named file that no step would use: it would be ignored."""
        used = {need.reftype for need in needs}
        left = {need.reftype: need.stage for need in skipped}
        return [
            RecipeError(
                f"{self._place(reftype)}: no step uses a '{reftype}' reference"
                + (f", since {left[reftype]} is skipped;" if reftype in left else did_you_mean(reftype, used))
                + f" Types: {choices(used)}, {STORE} (a folder)"
            )
            for reftype in self._named
            if reftype not in used
        ]

    def choose(self, need: Need, exposure: Exposure, instrument: InstrumentMode) -> Choice:
        """Return the choice of one reference file for an exposure or its outline; its image is an outline."""
        try:
            found = self._find(need.reftype, exposure, instrument)
            if found is not None:
                return Choice(need, chosen=self._compared(self.outline(found), exposure))
        except IrisError as error:
            return Choice(need, problem=error)
        except Exception as error:
            what = f"{need.place}: a provider of references failed on the {need.reftype} for {exposure.name}"
            return Choice(need, problem=PluginError(f"{what}: {one_line(error)}"))
        rejected = tuple(self._plugins.explain_reference(need.reftype, exposure, instrument))
        return Choice(need, problem=_not_found(need, exposure, rejected) if need.needed else None, rejected=rejected)

    def _find(self, reftype: str, exposure: Exposure, instrument: InstrumentMode) -> Reference | None:
        if reftype in self._named:
            return self._by_hand(reftype, exposure)
        return self._plugins.find_reference(reftype, exposure, instrument)

    def _compared(self, found: Reference, exposure: Exposure) -> Reference:
        """Return a reference with notes on the differences that its type allows, and on what nobody states."""
        kind, header, notes = self._type(found), _header(found.content), [*found.notes]
        different = "; ".join(differences(kind.preferred, header, exposure).values())
        if different:
            notes.append(f"the {found.reftype} {found.path.name} was taken otherwise than the exposure: {different}")
        names = choices(name for name, matters in unstated(kind, header, exposure).items() if not matters)
        if names != choices(()) and found.reftype not in self._named:
            notes.append(f"neither the {found.reftype} {found.path.name} nor the exposure gives {names}")
        return replace(found, notes=tuple(notes))

    def _by_hand(self, reftype: str, exposure: Exposure) -> Reference:
        """Return the named file; one for another detector is refused, other differences are noted."""
        path, place = self._named[reftype], self._place(reftype)
        if not isfile(path):
            raise self._missing(reftype)
        reference = Reference(reftype=reftype, path=path, provider="by hand")
        header = _header(self.outline(reference).content)
        stated = str(header.get("REFTYPE", "")).strip()
        if stated and stated.casefold() != reftype.casefold():
            raise ReferenceNotFound(f"{place}: {path} is a {stated} reference (REFTYPE); a {reftype} is needed")
        kind = self._type(reference)
        found, ours = mismatches(kind, header, exposure), selectors(exposure.meta)
        wrong = [reason for name, reason in found.items() if name in kind.firm and ours[name]]
        if wrong:
            raise ReferenceNotFound(
                f"the {reftype} {path} is not for {exposure.name}: {'; '.join(wrong)}; name another, or omit it"
            )
        notes = tuple(f"the {reftype} {path.name} was named by hand although {reason}" for reason in found.values())
        return replace(reference, notes=notes)


def _header(content: Any) -> dict[str, Any]:
    """Return the keywords of a reference file's content that select it."""
    if isinstance(content, Exposure):
        reftype = content.header.get("REFTYPE") or content.sci_header.get("REFTYPE") or ""
        return {**content.sci_header, **content.header, **selectors(content.meta), "REFTYPE": reftype}
    return {str(key).upper(): value for key, value in content.meta.items()}


def _not_found(need: Need, exposure: Exposure, rejected: tuple[Candidate, ...]) -> IrisError:
    listed = "; ".join(f"{candidate.path}: {candidate.reason}" for candidate in rejected)
    return ReferenceNotFound(
        f"{need.place}: {need.stage} needs a {need.reftype} reference for {exposure.name} and there is none. "
        f"Candidates: {listed or 'none'}. "
        f"Name one with --reference {need.reftype}=FILE, or a folder with --reference store=DIR"
    )
