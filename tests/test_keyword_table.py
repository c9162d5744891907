"""The table of keywords names every keyword of our products and of the simulator's reference files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from astropy.io import fits
from click.testing import CliRunner

from iris_core.cli import main
from iris_core.keyword_table import KEYWORDS, REFERENCE_KEYWORDS, WCS_KEYWORDS

pytest.importorskip("iris_simulate")

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "keywords.md"
FORMAT = re.compile(  # what FITS itself needs to describe its planes
    r"SIMPLE|BITPIX|NAXIS\d*|EXTEND|XTENSION|[PG]COUNT|EXTNAME|EXTVER|BSCALE|BZERO|T(FIELDS|TYPE1|FORM1)|HISTORY|COMMENT|"
)
THEIRS = {"EXPNUM", "SIMSEED"}  # of the simulator, kept as they are


def pattern(name: str) -> str:
    """Return what a name of the table stands for: other axes, other powers, other polynomials of SIP."""
    if name in ("A_ORDER", "A_0_2"):
        return r"[AB]P?_" + name[2:].replace("0_2", r"\d_\d")
    return re.sub(r"<\w+>", r"[A-Z0-9]+", re.sub(r"(?<=[A-Z])1(?=$|_1$)|(?<=_)1$", r"\\d", name))


def words(path: Path) -> set[str]:
    with fits.open(path) as hdus:
        return {card.keyword for hdu in hdus for card in hdu.header.cards}


def test_every_keyword_that_is_written_is_in_the_table(tmp_path: Path) -> None:
    night = tmp_path / "night"
    simulate = ["simulate", "--size", "128", "--stars", "4", "--backgrounds", "3", "--out", str(night)]
    assert CliRunner().invoke(main, simulate).exit_code == 0
    store = f"store={night / 'references'}"
    done = CliRunner().invoke(
        main, ["run", "image2", *map(str, night.glob("*.json")), "--reference", store, "--save-bsub"]
    )
    assert done.exit_code == 0, done.output
    table = [name for one in (*KEYWORDS, *REFERENCE_KEYWORDS, *WCS_KEYWORDS) for name in (one.name, *one.aliases)]
    known = re.compile("|".join(map(pattern, table)))
    products = [path for kind in ("bsub", "cal", "i2d") for path in night.glob(f"*_{kind}.fits")]
    assert len(products) == 3
    written = set().union(*map(words, [*products, *night.glob("references/*.fits")]))
    assert {name for name in written - THEIRS if not FORMAT.fullmatch(name) and not known.fullmatch(name)} == set()


def test_the_page_is_made_from_the_table() -> None:
    page = PAGE.read_text()
    for one in (*KEYWORDS, *REFERENCE_KEYWORDS, *WCS_KEYWORDS):
        assert f"| `{one.name}` | {one.meaning} | {one.unit} | {one.field} | {', '.join(one.aliases)} |" in page
