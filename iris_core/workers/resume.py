"""Which products are there already, and would be made the same now; and what is different of the others."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from os.path import lexists
from pathlib import Path
from typing import Any

from iris_core.errors import InputError, some_of
from iris_core.io.atomic import atomic
from iris_core.io.hashing import state_of
from iris_core.io.keys import key_of
from iris_core.io.whole import provenance_of, require_whole
from iris_core.plan import JobPlan
from iris_core.prepare import Run
from iris_core.provenance import sha256_of
from iris_core.report import ExposureResult, Job, Standing
from iris_core.workers.alike import by_text
from iris_core.workers.group_plan import GroupPlan
from iris_core.workers.groups import members_of_group
from iris_core.workers.here import members_of
from iris_core.workers.identity import identify

__all__ = ["compare_products", "key_differences"]

log = logging.getLogger(__name__)

_NOTHING = "no product yet"
_HASHES = ".iris-hashes.json"


@dataclass(slots=True)
class _Hashes:
    """SHA-256 of files, kept in a folder: what has not changed since is not read again. It may be deleted any time."""

    path: Path
    known: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        with suppress(OSError, ValueError):
            found = json.loads(self.path.read_text(encoding="utf-8"))
            self.known = found if isinstance(found, dict) else {}

    def of(self, path: Path) -> str:
        """Return the hash of a file."""
        state, name = list(state_of(path)), str(path.absolute())
        entry = self.known.get(name)
        if not isinstance(entry, list) or len(entry) != 2 or entry[0] != state:
            self.known[name] = [state, sha256_of(path)]
        return str(self.known[name][1])

    def save(self) -> None:
        """Keep them; where the folder cannot be written to they are computed again the next time."""
        with suppress(OSError, InputError), atomic(self.path) as temporary:
            temporary.write_text(json.dumps(self.known), encoding="utf-8")


def compare_products(run: Run, plans: Mapping[Job, JobPlan]) -> dict[Job, Standing]:
    """Return how the products of each job stand: kept, with a result, or to be made, with the reasons.

    Parameters
    ----------
    run
        `Recipe.output` says in which components of the key a product may differ.
    plans
        What would be done.
    """
    folders = [path.parent for plan in plans.values() for path in plan.outputs]
    hashes = _Hashes((folders[0] if folders else Path()) / _HASHES)
    standing = {job: _standing(run, plan, hashes) for job, plan in plans.items()}
    changed = (([job.path], reason) for job, one in standing.items() for reason in one.reasons if reason != _NOTHING)
    for reason, names in by_text(changed):
        log.warning("made anew: %s (%s)", reason, some_of(names))
    if folders and folders[0].is_dir():
        hashes.save()
    return standing


def _standing(run: Run, plan: Any, hashes: _Hashes) -> Standing:
    there = [path for path in plan.outputs if lexists(path)]
    if len(there) < len(plan.outputs):
        return Standing(reasons=("a product is missing" if there else _NOTHING,))
    reasons = tuple(dict.fromkeys(_reasons(run, plan, hashes)))
    number = len(plan.plans) if isinstance(plan, GroupPlan) else 1
    kept = ExposureResult(path=plan.job.path, mode=plan.mode.name, products=_named(plan), exposures=number, kept=True)
    return Standing(reasons=reasons, kept=None if reasons else kept)


def _named(plan: Any) -> dict[str, Path]:
    """Return the products as a run gives them: by suffix, those beside the first of a suffix by the names of files."""
    suffixes = {path: name for one in plan.steps for name, path in ((one.suffix, one.output), *one.beside.items())}
    found: dict[str, Path] = {}
    for path in plan.outputs:
        suffix = suffixes.get(path, path.name)
        found[path.name if suffix in found else suffix] = path
    return found


def _reasons(run: Run, plan: Any, hashes: _Hashes) -> Iterator[str]:
    keys = {path: key_of(path) for path in plan.outputs}
    if len(set(keys.values())) > 1:
        yield "its products are of different runs"
    members = members_of_group(plan) if isinstance(plan, GroupPlan) else members_of(plan)
    try:
        known = [{"file": path.name, "role": role, "sha256": hashes.of(path)} for role, path in members]
        files = (one for found in plan.references for one in found.values())
        now = identify(plan, run, known, [(one.reftype, one.sha256 or hashes.of(one.path)) for one in files])
    except OSError as error:
        yield f"{error.filename} cannot be read"
        return
    explained = {now.key}
    for path, key in keys.items():
        try:
            require_whole(path)
            if key not in explained and (before := provenance_of(path)):
                explained.add(key)
                yield from _explained(before, now.provenance, run.recipe.output.accept)
        except InputError:
            yield "a product is damaged or cut"


def _explained(before: Mapping[str, Any], now: Mapping[str, Any], accepted: Collection[str]) -> Iterator[str]:
    """Yield why a key is another; where all that differs is accepted, nothing."""
    every = list(key_differences(before, now))
    yield from key_differences(before, now, accepted) if accepted else every
    if not every:
        yield "its key is another, and nobody can say why"


def key_differences(before: Mapping[str, Any], now: Mapping[str, Any], accepted: Collection[str] = ()) -> Iterator[str]:
    """Yield in words what is different between what two products were made of and with.

    Parameters
    ----------
    before, now
        ``members`` and ``key`` of the provenance of each; what one of them does not keep counts as empty.
    accepted
        Components, plugins and libraries in which it may differ.
    """
    old, new = before.get("key", {}), now.get("key", {})
    if "inputs" not in accepted:
        given, taken = ((*one.get("members", ()), *one.get("left_out", ())) for one in (before, now))
        yield from _inputs(given, taken)
    for name, words in (("recipe", _steps), ("references", _references)):
        if name not in accepted:
            yield from words(old.get(name, ()), new.get(name, ()))
    for name in ("code", "libraries"):
        if name not in accepted:
            yield from _versions(old.get(name, {}), new.get(name, {}), accepted)
    for name in ("mode", "format"):
        if name not in accepted and list(old.get(name, ())) != list(new.get(name, ())):
            yield f"the {'instrument mode' if name == 'mode' else 'format of the products'} changed"


def _inputs(old: Sequence[Mapping[str, str]], new: Sequence[Mapping[str, str]]) -> Iterator[str]:
    before, after = ({(one["role"], one["sha256"]): one["file"] for one in members} for members in (old, new))
    gone = [name for one, name in before.items() if one not in after]
    come = [name for one, name in after.items() if one not in before]
    for names, words in (
        ([name for name in come if name in gone], "changed"),
        ([name for name in come if name not in gone], "new"),
        ([name for name in gone if name not in come], "gone"),
    ):
        if names:
            verb = "" if words == "changed" else "are " if names[1:] else "is "
            yield f"{some_of(names)} {verb}{words}"


def _steps(old: Sequence[Any], new: Sequence[Any]) -> Iterator[str]:
    before, after = ({str(one[0]): list(one[1:]) for one in steps} for steps in (old, new))
    for stage in dict.fromkeys((*before, *after)):
        if stage not in after or stage not in before:
            yield f"step {stage} is {'new' if stage in after else 'gone'}"
        elif before[stage] != after[stage]:
            yield f"step {stage}: {'; '.join(_changes(before[stage], after[stage]))}"
    if list(before) != list(after) and set(before) == set(after):
        yield "the steps are in another order"


def _changes(old: list[Any], new: list[Any]) -> Iterator[str]:
    if old[:1] != new[:1] or not (isinstance(old[-1], Mapping) and isinstance(new[-1], Mapping)):
        yield f"{' '.join(map(str, old[:1])) or 'skipped'} -> {' '.join(map(str, new[:1])) or 'skipped'}"
        return
    for name in dict.fromkeys((*old[-1], *new[-1])):
        if old[-1].get(name) != new[-1].get(name):
            yield f"{name} {old[-1].get(name)} -> {new[-1].get(name)}"


def _references(old: Sequence[Any], new: Sequence[Any]) -> Iterator[str]:
    before, after = ({(str(kind), str(digest)) for kind, digest in used} for used in (old, new))
    for kind in sorted({kind for kind, _ in before ^ after}):
        yield f"the reference {kind} changed"


def _versions(old: Mapping[str, str], new: Mapping[str, str], accepted: Collection[str]) -> Iterator[str]:
    for name in sorted({*old, *new} - set(accepted)):
        if old.get(name) != new.get(name):
            yield f"{name} {_short(old.get(name, ''))} -> {_short(new.get(name, ''))}"


def _short(version: str) -> str:
    """Return a version with the first digits of the hash of its files."""
    number, _, digest = version.partition(" ")
    return f"{number} ({digest[:6]})" if digest else number[:12] or "none"
