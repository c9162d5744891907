"""The provenance of a product as W3C PROV-JSON (submission of 2013): entities, activities, agents."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from iris_core import InputError, StageRecord, sha256_of
from iris_verify._records import Ingredient, Record, read_record

__all__ = ["prov_document"]

_PREFIXES = {"sha256": "urn:sha256:", "iris": "urn:iris:"}


def prov_document(path: Path) -> dict[str, Any]:
    """Return the provenance that a product keeps as PROV-JSON.

    Entities are the product, its exposures and its references, by SHA-256; activities the stages, in their order;
    agents the plugins with their versions.

    Raises
    ------
    InputError
        When the file is no product, or one that has its key alone (a catalogue).
    """
    record = read_record(path)
    if record.is_empty:
        raise InputError(f"{path}: no record of its making: a catalogue, a file of another program or of iris 0.1")
    product = f"sha256:{sha256_of(path)}"
    stages = {f"iris:{record.key[:16]}-{number}-{one.stage}": one for number, one in enumerate(record.history, 1)}
    done = {name: one for name, one in stages.items() if one.status == "COMPLETE"}
    return {
        "prefix": _PREFIXES,
        "entity": {product: _product(record), **{_id(one): _entity(one) for one in record.ingredients}},
        "activity": {name: _activity(one) for name, one in stages.items()},
        "agent": {_agent(one): _plugin(one) for one in stages.values()},
        **_relations(record, product, done),
        "wasAssociatedWith": {
            f"_:by{number}": {"prov:activity": name, "prov:agent": _agent(one)}
            for number, (name, one) in enumerate(stages.items(), 1)
        },
    }


def _relations(record: Record, product: str, done: Mapping[str, StageRecord]) -> dict[str, Any]:
    """Return which stage used what, which was informed by which, and that the last one made the product."""
    names = list(done)
    exposures = [_id(one) for one in record.ingredients if not one.is_reference]
    used = [(names[0], one) for one in exposures] if names else []
    used += [(name, f"sha256:{use.sha256}") for name, one in done.items() for use in one.references if use.sha256]
    return {
        "used": _numbered("used", ("prov:activity", "prov:entity"), used),
        "wasInformedBy": _numbered(
            "after", ("prov:informed", "prov:informant"), list(zip(names[1:], names, strict=False))
        ),
        "wasGeneratedBy": _numbered("made", ("prov:entity", "prov:activity"), [(product, name) for name in names[-1:]]),
        "wasDerivedFrom": _numbered(
            "from", ("prov:generatedEntity", "prov:usedEntity"), [(product, _id(one)) for one in record.ingredients]
        ),
    }


def _numbered(what: str, names: tuple[str, str], pairs: list[tuple[str, str]]) -> dict[str, dict[str, str]]:
    unique = list(dict.fromkeys(pairs))
    return {f"_:{what}{number}": dict(zip(names, pair, strict=True)) for number, pair in enumerate(unique, 1)}


def _id(ingredient: Ingredient) -> str:
    return f"sha256:{ingredient.sha256}"


def _entity(one: Ingredient) -> dict[str, str]:
    kind = "reference" if one.is_reference else "exposure"
    return {"prov:label": one.name or one.role, "iris:kind": kind, "iris:role": one.role}


def _product(record: Record) -> dict[str, Any]:
    made_with = {f"iris:{name}": json.dumps(record.provenance["key"].get(name)) for name in ("code", "libraries")}
    recipe = str(record.provenance.get("recipe", ""))
    return {"prov:label": record.path.name, "iris:key": record.key, "iris:recipe": recipe, **made_with}


def _activity(one: StageRecord) -> dict[str, Any]:
    described = {"prov:label": one.stage, "iris:status": one.status}
    return {**described, "iris:params": json.dumps(dict(one.params)), "iris:notes": "; ".join(one.notes)}


def _agent(one: StageRecord) -> str:
    return f"iris:{one.plugin}-{one.version}"


def _plugin(one: StageRecord) -> dict[str, Any]:
    kind = {"$": "prov:SoftwareAgent", "type": "prov:QUALIFIED_NAME"}
    return {"prov:type": kind, "prov:label": one.plugin, "iris:version": one.version}
