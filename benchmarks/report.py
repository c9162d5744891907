"""Tables and a plot of what `image2.py` measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from measure import Figures, medians, ratios


def show(results: Mapping[str, Any]) -> None:
    """Print the tables of all sizes."""
    machine, versions = results["machine"], results["versions"]
    print(", ".join(f"{name} {value}" for name, value in {**machine, **versions}.items()))
    for size, found in results["sizes"].items():
        print(f"\n{size} x {size}, one background, north up; median of {results['runs']}\n")
        _show_programs(found["rounds"], found["tasks"])
        _show_stages({name: one for name, one in found["stages"].items() if _is_whole(name)})
        for name, one in found["agreement"].items():
            print(f"  {name}: {one['pixels']:.1%} of our pixels, 99 % of them within {one['difference']:.2g} of ERR")
        disk = found["disk"]
        print(f"  the products on a disk: write {disk['write']:.2f} s, then fsync {disk['fsync']:.2f} s")


def against(rounds: Mapping[str, Sequence[Figures]], name: str, other: str, key: str) -> float:
    """Return the median of the ratio of two programs in the same round."""
    return median(ratios(rounds[name], rounds[other], key))


def _show_programs(rounds: Mapping[str, Sequence[Figures]], tasks: Mapping[str, str]) -> None:
    """Print each program, as ratios to the floor of its task and to iris."""
    heads = ("wall s", "(lowest)", "CPU s", "GB", "wall/floor", "CPU/floor", "wall/iris", "CPU/iris", "GB/iris")
    print(f"  {'':22s}" + "".join(f"{head:>11s}" for head in heads))
    for task in dict.fromkeys(tasks.values()):
        names = [name for name in rounds if tasks[name] == task]
        floor, iris = (next(name for name in names if name.startswith(word)) for word in ("floor", "iris"))
        print(f"  {task}")
        for name in names:
            one = medians(rounds[name])
            lowest = min(row["wall"] for row in rounds[name])
            numbers = [one["wall"], lowest, one["cpu"], one["memory"]]
            numbers += [against(rounds, name, floor, key) for key in ("wall", "cpu")]
            numbers += [against(rounds, name, iris, key) for key in ("wall", "cpu", "memory")]
            print(f"    {name:20s}" + "".join(f"{number:11.2f}" for number in numbers))


def _is_whole(name: str) -> bool:
    """Tell whether the stages of a program are not those of another one again; the file has all."""
    return name == "floor" or not (name.startswith("floor") or name.endswith("no resample"))


def _show_stages(stages: Mapping[str, Mapping[str, Figures]]) -> None:
    """Print the stages of each program."""
    print("\n  stages: wall s, CPU s, peak GB up to the end of the stage")
    for name, timed in stages.items():
        print(f"  {name}")
        for stage, one in timed.items():
            print(f"    {stage:24s}{one['wall']:8.2f}{one['cpu']:8.2f}{one['memory']:8.2f}")
    print()


def plot(results: Mapping[str, Any], path: Path) -> str:
    """Draw wall time and memory of image2 against the size; return where, or nothing without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return ""
    figure = Figure(figsize=(9, 4), layout="constrained")
    sizes = list(results["sizes"])
    axes = figure.subplots(1, 3)
    for axis, (key, label) in zip(
        axes, {"wall": "wall [s]", "cpu": "CPU [s]", "memory": "peak [GB]"}.items(), strict=True
    ):
        for name, task in results["sizes"][sizes[0]]["tasks"].items():
            if task in ("image2", "no resample"):
                values = [medians(results["sizes"][size]["rounds"][name])[key] for size in sizes]
                axis.plot([int(size) for size in sizes], values, "o-" if task == "image2" else "o:", label=name)
        axis.set(xlabel="columns", ylabel=label, xscale="log", yscale="log")
        axis.set_xticks([int(size) for size in sizes], sizes, minor=False)
    axes[0].legend(fontsize="small")
    figure.savefig(path, dpi=120)
    return f"\n{path}"
