"""Leave a report of each run beside its first product."""

import json

from iris_core import hookimpl


@hookimpl
def run_finished(report):
    if report.products:
        text = json.dumps(report.plain(), indent=2)
        report.products[0].with_name(f"{report.recipe}.report.json").write_text(text)
