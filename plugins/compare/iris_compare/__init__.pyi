"""The public names of the package, and the modules they come from."""

from ._comparison import Comparison as Comparison
from ._comparison import compare_stages as compare_stages
from ._difference import Difference as Difference
from ._difference import measure_difference as measure_difference
from ._picture import draw_difference as draw_difference
from ._products import ProductDifference as ProductDifference
from ._products import diff_products as diff_products
from ._replay import Replay as Replay
from ._replay import replay_product as replay_product
from ._runs import Outcome as Outcome
from ._verdict import Verdict as Verdict
