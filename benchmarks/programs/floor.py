"""The least that any program has to do: read the inputs, touch each plane once, hash, write as many bytes.

python floor.py OUTPUT_FOLDER --inputs FILES --references FILES --products FILES

All planes that are read go into one sum; the products have headers and sizes of those that are named, and their
planes are the sum. References are hashed (SHA-256) and the sums of products taken (DATASUM), as iris does.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import file_digest
from pathlib import Path

import numpy as np
from stopwatch import Stopwatch

BLOCK, CARD = 2880, 80


def extensions(path: Path) -> Iterator[tuple[int, int]]:
    """Yield where the data of each HDU with data begin and how many bytes they are."""
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            header = block
            while not any(header[place : place + 8] == b"END     " for place in range(0, len(header), CARD)):
                header += file.read(BLOCK)
            start = file.tell()
            number = {header[place : place + 8].decode().strip(): header[place + 10 : place + 30].split(b"/")[0]
                      for place in range(0, len(header), CARD)}  # fmt: skip
            axes = [int(number[f"NAXIS{axis + 1}"]) for axis in range(int(number["NAXIS"]))]
            size = int(np.prod(axes)) * abs(int(number["BITPIX"])) // 8 if axes else 0
            if size:
                yield start, size
            file.seek(start + -(-size // BLOCK) * BLOCK)


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def touched(files: list[Path]) -> np.ndarray:
    """Return the sum of all planes of some files."""
    total = None
    for path in files:
        for start, size in extensions(path):
            plane = np.fromfile(path, ">f4", size // 4, offset=start)
            if total is None:
                total = plane.astype(np.float32)
            elif len(plane) == len(total):
                total += plane
    assert total is not None
    return total


def write(template: Path, path: Path, plane: bytes) -> int:
    """Write a file like another one, its data from one plane, and return the sum of its words."""
    words = np.frombuffer(plane, ">u4")
    total = 0
    with template.open("rb") as source, path.open("wb") as file:
        for start, size in [*extensions(template), (template.stat().st_size, 0)]:
            file.write(source.read(start - source.tell()))
            total += int(words[: size // 4].sum(dtype=np.uint64))
            file.write(memoryview(plane)[:size])
            file.write(bytes(max(size - len(plane), 0)))
            source.seek(start + size)
    return total


def main() -> None:
    """Read, touch, hash, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    for name in ("--inputs", "--references", "--products"):
        parser.add_argument(name, type=Path, nargs="*", default=[])
    options = parser.parse_args()
    options.folder.mkdir()
    watch = Stopwatch()
    with ThreadPoolExecutor(1) as beside:
        digests = [beside.submit(digest, path) for path in options.references]
        images = [path for path in options.references if path.suffix == ".fits"]
        with watch.stage("read and touch"), np.errstate(invalid="ignore", over="ignore"):
            total = touched(options.inputs + images)
        with watch.stage("write"):
            plane = total.astype(">f4").tobytes()
            for path in options.products:
                write(path, options.folder / path.name, plane)
        with watch.stage("wait for hashes"):
            for one in digests:
                one.result()
    watch.show()


if __name__ == "__main__":
    main()
