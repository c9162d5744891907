"""Makes association files: the science exposures of a night, each with the background exposures that fit it."""

from __future__ import annotations

from iris_asn._group import Grouping, Member, Product, group_exposures

__all__ = ["Grouping", "Member", "Product", "group_exposures"]
