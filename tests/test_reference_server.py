"""The provider of the tutorial, on a server of this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest
from click.testing import CliRunner
from iris_testkit import make_exposure, make_reference

import iris_core
from iris_core import Problems, read_fits, write_exposure
from iris_core.cli import main

PROVIDER = Path(__file__).parents[1] / "docs" / "providers" / "best_references.py"
RECIPE = "recipe: 1\nname: one\nsteps:\n  - flat_field: {save: cal}\n"


class Server(ThreadingHTTPServer):
    """Knows a flat for each filter, and remembers what it was asked."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder = folder
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, header: dict[str, str]) -> dict[str, Any]:
        flats = {path.stem: path for path in self.folder.glob("*.fits")} if header["reftype"] == "flat" else {}
        wanted = header.get("FILTER", "")
        rejected = {path.name: f"FILTER is {name}, not {wanted}" for name, path in flats.items() if name != wanted}
        if wanted not in flats:
            return {"rejected": rejected}
        best = flats[wanted]
        return {"name": best.name, "sha256": sha256(best.read_bytes()).hexdigest(), "rejected": rejected}


class Handler(BaseHTTPRequestHandler):
    """Answers with JSON to /best, and with a file to all else."""

    server: Server

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        self.server.asked.append(asked.path)
        if asked.path == "/best":
            content = json.dumps(self.server.answer(dict(parse_qsl(asked.query)))).encode()
        else:
            content = (self.server.folder / Path(asked.path).name).read_bytes()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the library's
        """Say nothing."""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Serve flats of two filters; be in a folder with an exposure in Kbb and a recipe."""
    (tmp_path / "served").mkdir()
    for name, value in (("Kbb", 2.0), ("J", 4.0)):
        make_reference(tmp_path / "served" / f"{name}.fits", "flat", np.full((32, 32), value), FILTER=name)
    header = {"INSTRUME": "IRIS", "TELESCOP": "TMT", "DETECTOR": "IMG1", "FILTER": "Kbb"}
    write_exposure(make_exposure(value=10.0, header=header), tmp_path / "x_rate.fits")
    (tmp_path / "one.yaml").write_text(RECIPE)
    monkeypatch.chdir(tmp_path)
    served = Server(tmp_path / "served")
    monkeypatch.setenv("BEST_REFERENCES_URL", served.url)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    yield served
    served.shutdown()
    served.server_close()


def test_a_run_takes_the_best_file_of_the_server_and_keeps_it(server: Server) -> None:
    for _ in range(2):
        report = iris_core.run("one.yaml", "x_rate.fits", plugin_files=(PROVIDER,), overwrite=True)
    assert not report.failed
    cal = read_fits(Path("x_cal.fits"))
    assert (cal.data == 5.0).all()
    (used,) = cal.history[-1].references
    assert used.provider == f"server {server.url}"
    assert used.sha256 == sha256((server.folder / "Kbb.fits").read_bytes()).hexdigest()
    assert server.asked.count("/files/Kbb.fits") == 1


def test_why_the_others_were_rejected_is_explained(server: Server) -> None:
    command = ["references", "explain", "x_rate.fits", "--recipe", "one.yaml", "--plugin", str(PROVIDER), "--json"]
    done = CliRunner().invoke(main, command, catch_exceptions=False)
    assert done.exit_code == 0
    (flat,) = json.loads(done.stdout)["exposures"]["x_rate.fits"]
    assert flat["chosen"] == "references-cache/Kbb.fits"
    assert flat["outcome"] == f"chosen (server {server.url})"
    assert flat["rejected"] == {"J.fits": "FILTER is J, not Kbb"}


def test_a_missing_one_is_an_error_that_names_what_the_server_has(server: Server) -> None:
    (server.folder / "Kbb.fits").unlink()
    with pytest.raises(Problems, match=r"flat .* J\.fits: FILTER is J, not Kbb"):
        iris_core.run("one.yaml", "x_rate.fits", plugin_files=(PROVIDER,))


def test_a_damaged_file_and_a_silent_server_are_errors(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "answer", lambda _header: {"name": "Kbb.fits", "sha256": "0" * 64})
    with pytest.raises(Problems, match=r"Kbb\.fits .*SHA-256"):
        iris_core.run("one.yaml", "x_rate.fits", plugin_files=(PROVIDER,))
    assert not Path("references-cache").exists()
    monkeypatch.setenv("BEST_REFERENCES_URL", "http://127.0.0.1:1")
    with pytest.raises(Problems, match=r"no answer: .*BEST_REFERENCES_URL"):
        iris_core.run("one.yaml", "x_rate.fits", plugin_files=(PROVIDER,))
