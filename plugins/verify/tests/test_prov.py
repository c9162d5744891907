"""The provenance of a product as PROV-JSON, and the package prov reads it."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner
from iris_verify import prov_document

from iris_core import InputError, sha256_of
from iris_core.cli import main


def labels(document: dict[str, Any], part: str) -> set[str]:
    return {one["prov:label"] for one in document[part].values()}


@pytest.mark.parametrize("name", ["a_cal.fits", "c_cal.asdf"])
def test_entities_activities_and_agents_are_those_of_the_product(made: SimpleNamespace, name: str) -> None:
    path = made.out / name
    document = prov_document(path)
    assert labels(document, "entity") == {name, f"{name[0]}_rate.fits", "flat.fits"}
    assert labels(document, "activity") == {"flat_field", "count"}
    assert labels(document, "agent") == {"lab-night"}
    product, flat = f"sha256:{sha256_of(path)}", f"sha256:{sha256_of(made.night.flat)}"
    (by,) = document["wasGeneratedBy"].values()
    assert by["prov:entity"] == product
    assert document["activity"][by["prov:activity"]]["prov:label"] == "count"
    (using,) = (one["prov:activity"] for one in document["used"].values() if one["prov:entity"] == flat)
    assert document["activity"][using]["prov:label"] == "flat_field"
    assert {one["prov:usedEntity"] for one in document["wasDerivedFrom"].values()} == {*document["entity"]} - {product}


def test_every_reference_of_a_relation_is_declared(made: SimpleNamespace) -> None:
    document = prov_document(made.out / "a_cal.fits")
    declared = {name for part in ("entity", "activity", "agent") for name in document[part]}
    relations = ("used", "wasInformedBy", "wasGeneratedBy", "wasDerivedFrom", "wasAssociatedWith")
    named = {name for part in relations for one in document[part].values() for name in one.values()}
    assert named <= declared


def test_the_package_prov_reads_it(made: SimpleNamespace) -> None:
    model = pytest.importorskip("prov.model")
    done = CliRunner().invoke(main, ["prov", str(made.out / "a_cal.fits")])
    document = model.ProvDocument.deserialize(content=done.stdout, format="json")
    kinds = [str(record.get_type()) for record in document.get_records()]
    assert kinds.count("prov:Entity") == 3
    assert kinds.count("prov:Activity") == 2
    assert json.loads(document.serialize(format="json"))["entity"].keys() == json.loads(done.stdout)["entity"].keys()


def test_what_keeps_no_record_is_refused(made: SimpleNamespace, tmp_path: Path) -> None:
    for path in (made.out / "a_cat.ecsv", made.night.raw / "a_rate.fits"):
        with pytest.raises(InputError, match="no record of its making"):
            prov_document(path)
