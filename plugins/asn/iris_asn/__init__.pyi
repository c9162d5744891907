"""The public names of the package, and the modules they come from."""

from ._group import Group as Group
from ._group import Grouping as Grouping
from ._group import group_exposures as group_exposures
from ._kinds import Kind as Kind
from ._kinds import kind_of as kind_of
from ._member import Member as Member
from ._rules import RULES as RULES
from ._rules import Rule as Rule
from ._rules import find_rule as find_rule
