"""The public names of the package, and the modules they come from."""

from ._contents import faults as faults
from ._contents import written_name as written_name
from ._files import files_under as files_under
from ._hashes import Hashes as Hashes
from ._planes import Plane as Plane
from ._planes import StoredPlane as StoredPlane
from ._planes import image_planes as image_planes
from ._planes import stored_planes as stored_planes
from ._prov import prov_document as prov_document
from ._records import Ingredient as Ingredient
from ._records import Record as Record
from ._records import read_record as read_record
from ._search import Search as Search
from ._sums import add_sums as add_sums
from ._sums import read_sums as read_sums
from ._used import Use as Use
from ._used import find_uses as find_uses
from ._verify import Verdict as Verdict
from ._verify import verify_files as verify_files
