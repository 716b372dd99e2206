"""The kinds of order lines. A new one is a file beside this one, a line in LINES and a member of `AskedLine`."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from vezne.orders.lines.base import Details, LineKind, Priced
from vezne.orders.lines.top_up import TopUp, TopUpDetails

LINES: Mapping[str, LineKind[Any]] = MappingProxyType({kind.name: kind for kind in (TopUp(),)})
AskedLine = TopUpDetails

__all__ = ["LINES", "AskedLine", "Details", "LineKind", "Priced", "TopUpDetails"]
