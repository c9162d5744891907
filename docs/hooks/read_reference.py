"""Tables of comma-separated values, as reference files of types that hold a table."""

from iris_core import InputError, hookimpl


@hookimpl
def read_reference(path, kind):
    if kind != "table" or path.suffix != ".csv":
        return None
    from astropy.table import Table

    try:
        return Table.read(path, format="ascii.csv")
    except Exception as error:
        raise InputError(f"{path} is no table of comma-separated values: {error}") from error
