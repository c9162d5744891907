"""Environments of the programs that are timed, each made on its first use, none of them inside the source tree.

They lie in a folder of the user's cache and may be deleted at any time. iris is installed as its users have it: from
the files of one git revision, without the development packages.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
PEERS = {
    "jwst": ("jwst>=3.0",),
    "drizzle": ("drizzle>=3.0", "astropy", "gwcs", "asdf", "asdf-astropy"),
    "reproject": ("reproject", "astropy"),
    "ccdproc": ("ccdproc",),
}
KEPT = 4  # environments of iris; one takes 500 MB


def default_folder() -> Path:
    """Return the folder of the environments in the user's cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "iris-benchmarks"


def peer(folder: Path, name: str) -> Path:
    """Return the environment of a peer."""
    return _make(folder / name, PEERS[name])


def iris(folder: Path, revision: str = "") -> Path:
    """Return the environment of iris at a git revision; by default that of the tracked files as they are now."""
    commit = revision or _git("stash", "create") or "HEAD"
    tree = _git("rev-parse", f"{commit}^{{tree}}")
    environment = folder / f"iris-{tree[:12]}"
    if not (environment / "packages.json").exists():
        with tempfile.TemporaryDirectory() as source:
            packed = subprocess.run(["git", "archive", tree], cwd=ROOT, check=True, capture_output=True).stdout
            with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
                archive.extractall(source, filter="data")
            packages = [source, *(str(path.parent) for path in sorted(Path(source).glob("plugins/*/pyproject.toml")))]
            _make(environment, packages)
    _forget(folder)
    return environment


def versions(environment: Path) -> dict[str, str]:
    """Return the versions of all packages of an environment."""
    found: dict[str, str] = json.loads((environment / "packages.json").read_text())
    return found


def _make(environment: Path, packages: Sequence[str]) -> Path:
    """Make an environment of some packages unless it is there; the list of its packages is written last."""
    wanted = hashlib.sha256("\n".join([sys.version, *packages]).encode()).hexdigest()
    stamp, made_of = environment / "packages.json", environment / "wanted"
    if stamp.exists() and (environment.name.startswith("iris-") or made_of.read_text() == wanted):
        os.utime(stamp)
        return environment
    print(f"making {environment}", flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", environment], check=True)
    python = environment / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--quiet", *packages], check=True, env=_clean())
    made_of.write_text(wanted)
    list_all = [python, "-m", "pip", "list", "--format=json"]
    listed = subprocess.run(list_all, check=True, capture_output=True, env=_clean())
    stamp.write_text(json.dumps({one["name"]: one["version"] for one in json.loads(listed.stdout)}, indent=1))
    return environment


def _clean() -> dict[str, str]:
    """Return the variables of this process without those that would lead another Python to our packages."""
    led = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if name not in led}


def _forget(folder: Path) -> None:
    """Remove all environments of iris but those used last."""
    made = sorted(folder.glob("iris-*/packages.json"), key=lambda path: path.stat().st_mtime)
    for path in made[:-KEPT]:
        shutil.rmtree(path.parent)


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()
