"""Each run writes SHA256SUMS beside its products."""

from __future__ import annotations

import logging
from time import process_time

from iris_core import Report, hookimpl

__all__: list[str] = []

log = logging.getLogger(__name__)


@hookimpl
def run_finished(report: Report) -> None:
    """Write the SHA-256 of the products of a run; of those that were kept only what is not written yet, or is older."""
    from iris_verify._sums import add_sums, outdated, unlisted

    made = [path for result in report.results if not result.kept for path in result.products.values()]
    kept = [path for result in report.results if result.kept for path in result.products.values()]
    start, new = process_time(), unlisted(kept)
    old = [path for path in outdated(kept) if path not in new]
    for path in old:
        log.warning("%s was written after SHA256SUMS, by a run that was killed, or edited: it is listed anew", path)
    known = {one.products[suffix]: found for one in report.results for suffix, found in one.hashes.items()}
    number, size = add_sums([*made, *new, *old], known)
    log.info("SHA256SUMS: %d products, %.2f GB, in %.2f s of CPU time", number, size / 1e9, process_time() - start)
