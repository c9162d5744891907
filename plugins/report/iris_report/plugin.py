"""Each run that fails in part writes FAILED.jsonl beside its products: products do not say what is missing."""

from __future__ import annotations

from iris_core import Report, hookimpl

__all__: list[str] = []


@hookimpl
def run_finished(report: Report) -> None:
    """Write which exposures failed, and why."""
    from iris_report._failures import record_failures

    record_failures(report)
