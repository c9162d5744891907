"""A folder with a list of its files, ``contents.json``, takes one file of each type."""

import json
import shutil

from iris_core import InputError, hookimpl, read_exposure


@hookimpl
def add_to_store(folder, files, replace):
    contents = folder / "contents.json"
    if not contents.exists():
        return None
    known = json.loads(contents.read_text())
    types = {path: read_exposure(path, pixels=False).header["REFTYPE"].lower() for path in files}
    if len(set(types.values())) < len(files) or (not replace and set(types.values()) & known.keys()):
        raise InputError(f"{folder}: there would be two files of a type: {', '.join(types.values())}")
    for path in files:
        shutil.copy2(path, folder / path.name)
    contents.write_text(json.dumps({**known, **{reftype: path.name for path, reftype in types.items()}}))
    return [path.name for path in files]
