"""The public names of the package, and the modules they come from."""

from ._index import Attention as Attention
from ._report import ReportFiles as ReportFiles
from ._report import make_report as make_report
