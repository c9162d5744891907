"""The public names of the package, and the modules they come from."""

from ._explain import Explanation as Explanation
from ._explain import explain_references as explain_references
from ._store import Added as Added
from ._store import Listed as Listed
from ._store import add_references as add_references
from ._store import list_references as list_references
from ._store import remove_references as remove_references
from ._validate import Validation as Validation
from ._validate import validate_reference as validate_reference
