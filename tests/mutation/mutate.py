"""Put small faults into the kernel, one at a time, and see whether its tests notice.

python tests/mutation/mutate.py [--count 100] [--seed 1] [--jobs 2] [--at-least 85] [--budget 120]

Faults are drawn by seed, as many of each kind, from all modules directly in iris_core; those of named.toml come on top.
Each is put into a copy of the checkout, where the tests that run its lines are run, without those marked slow, its
module's own first, until the first fails. What is left over is listed.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory

from copies import Copy, Verdict
from faults import Fault, faults_of, named_faults

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
KINDS = ("comparison", "condition", "constant", "statement")
MEMORY = 8 << 30  # bytes of addresses for a process: a fault that only collects ends before the machine does


def draw(count: int, seed: int) -> list[Fault]:
    """Return `count` faults of the kernel, as many of each kind."""
    found = [fault for path in sorted(ROOT.glob("iris_core/*.py")) for fault in faults_of(path, ROOT)]
    source = random.Random(seed)
    drawn = []
    for number, kind in enumerate(KINDS):
        of_kind = [fault for fault in found if fault.kind == kind]
        share = (count + number) // len(KINDS)
        drawn += source.sample(of_kind, min(share, len(of_kind)))
    return drawn


def judge_all(faults: Sequence[Fault], options: argparse.Namespace) -> list[Verdict]:
    """Judge every fault, as many at a time as there are jobs."""
    verdicts: list[Verdict] = []
    with TemporaryDirectory(prefix="mutation-", ignore_cleanup_errors=True) as folder:
        copies: SimpleQueue[Copy] = SimpleQueue()
        all_copies = [Copy(ROOT, Path(folder).resolve() / str(number)) for number in range(options.jobs)]
        tests = all_copies[0].measure(options.jobs)
        all_copies[0].check(tests, options.budget)
        print(f"{len(tests.seconds)} tests pass without a fault", flush=True)
        for copy in all_copies:
            copies.put(copy)

        def judge(fault: Fault) -> Verdict:
            copy = copies.get()
            try:
                return copy.judge(fault, tests, options.budget)
            finally:
                copies.put(copy)

        with ThreadPoolExecutor(options.jobs) as pool:
            for verdict in pool.map(judge, faults):
                verdicts.append(verdict)
                tell(verdict, len(verdicts), len(faults))
    return verdicts


def tell(verdict: Verdict, number: int, total: int) -> None:
    """Print one line on one fault."""
    fault = verdict.fault
    where = f"{fault.path}:{fault.line}"
    outcome = f"{verdict.outcome:11}  {verdict.seconds:5.1f} s  {fault.kind:10}  {where:36}  {verdict.by}"
    print(f"{number:4d}/{total}  {outcome}".rstrip(), flush=True)


def print_survivors(verdicts: Iterable[Verdict]) -> None:
    """Print where each survivor is, and its line before and after."""
    for verdict in verdicts:
        fault, (before, after) = verdict.fault, verdict.fault.shown()
        tests = f", {verdict.run} of {verdict.covering} tests" if verdict.covering else ""
        print(f"\n{fault.path}:{fault.line}  {fault.kind}  {verdict.outcome}{tests}")
        print(*([f"    {fault.why}"] if fault.why else []), f"  - {before}", f"  + {after}", sep="\n")


def main() -> int:
    """Draw, judge, print; return 1 where too few faults were noticed, 2 where they cannot be judged."""
    parser = argparse.ArgumentParser(description="Put small faults into the kernel and see whether its tests notice.")
    parser.add_argument("--count", type=int, default=100, help="how many faults are drawn (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="which ones (%(default)s)")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time (%(default)s)")
    parser.add_argument("--at-least", type=float, default=85, help="per cent that must be noticed (%(default)s)")
    parser.add_argument("--budget", type=float, default=120, help="seconds of tests for one fault (%(default)s)")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
    started = time.monotonic()
    try:
        faults = [*named_faults(HERE / "named.toml", ROOT), *draw(options.count, options.seed)]
        verdicts = judge_all(faults, options)
    except (RuntimeError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    killed = sum(verdict.killed for verdict in verdicts)
    print_survivors(verdict for verdict in verdicts if not verdict.killed)
    print(f"\nseed {options.seed}, {(time.monotonic() - started) / 60:.0f} minutes")
    print(f"killed {killed} of {len(verdicts)}")
    return int(killed < options.at_least / 100 * len(verdicts))


if __name__ == "__main__":
    sys.exit(main())
