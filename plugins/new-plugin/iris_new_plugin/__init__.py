"""The command ``iris new-plugin``: makes a complete, tested package for a plugin of your own."""

from __future__ import annotations

__all__: list[str] = []
