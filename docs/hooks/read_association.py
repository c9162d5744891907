"""A plain list of files, one on each line, as an association: ``night.list``."""

from iris_core import Job, hookimpl


@hookimpl
def read_association(path):
    if path.suffix != ".list":
        return None
    names = [line.strip() for line in path.read_text().splitlines() if line.strip()]
    return [Job(path.parent / name) for name in names]
