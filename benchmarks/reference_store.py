"""Time of a look-up in a store of 10 000 reference files: `python benchmarks/reference_store.py`."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import product
from pathlib import Path
from statistics import median
from time import perf_counter

from iris_references._index import IndexEntry, ReferenceIndex, put
from iris_testkit import make_exposure

from iris_core import load_plugins

FILES = 10_000
RUNS = 31
DETECTORS = [("IRIS", f"IMG{number}") for number in range(1, 5)] + [("Liger", "IMG")]
TYPES = ("flat", "dark", "area", "distortion")
FILTERS = ("Kbb", "Hbb", "Jbb", "Ybb", "Zbb")


def fill(folder: Path) -> None:
    """Add files of all types, detectors, filters and days to the index; each of them exists."""
    kinds = list(product(TYPES, DETECTORS, FILTERS))
    entries = []
    for number in range(FILES):
        reftype, (instrument, detector), name = kinds[number % len(kinds)]
        day = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=number // len(kinds))
        path = folder / f"{number:05}.fits"
        path.write_bytes(str(number).encode())
        keywords = {"REFTYPE": reftype, "INSTRUME": instrument, "DETECTOR": detector, "FILTER": name}
        status = path.stat()
        file = {"size": status.st_size, "mtime_ns": status.st_mtime_ns, "sha256": sha256(path.read_bytes()).hexdigest()}
        header = {**keywords, "READMODE": "DEFAULT", "USEAFTER": f"{day:%Y-%m-%d}"}
        entries.append(IndexEntry.make(path.name, header, **file))
    with ReferenceIndex(folder).changing() as connection:
        put(connection, entries)


def timed(folder: Path) -> tuple[float, float, float]:
    """Return seconds of start, of a look-up (median), and of an explanation."""
    exposure = make_exposure(start_time=datetime(2026, 6, 1, tzinfo=UTC))
    plugins = load_plugins()
    started = perf_counter()
    store = plugins.ask_one("open_store", folder, folder=folder, plugins=plugins)
    opened = perf_counter()
    found = []
    for _ in range(RUNS):
        before = perf_counter()
        if store.find_reference("flat", exposure) is None:
            raise SystemExit("nothing was found")
        found.append(perf_counter() - before)
    before = perf_counter()
    store.explain_reference("flat", exposure)
    return opened - started, median(found), perf_counter() - before


def main() -> None:
    """Fill a store and print the times."""
    with tempfile.TemporaryDirectory() as name:
        fill(Path(name))
        opened, found, explained = timed(Path(name))
    print(f"{FILES} files: start {opened * 1e3:.1f} ms, look-up {found * 1e3:.1f} ms, explain {explained * 1e3:.1f} ms")


if __name__ == "__main__":
    main()
