"""Lists on pages: which part of one is asked for by the address, and the addresses of the parts beside it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from vezne.console.api.visit import Visit
from vezne.kernel.ids import UnknownId, parse_id, public_id
from vezne.kernel.paging import CursorUnknown

ROWS = 25


class Identified(Protocol):
    """Whatever has an id."""

    @property
    def id(self) -> UUID:
        """Its id."""


Row = TypeVar("Row", bound=Identified)


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a list that is asked for; what is chosen by its filters stays while one reads on."""

    path: str
    prefix: str
    before: UUID | None
    chosen: dict[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> str | None:
        """What is chosen by a filter; None: everything."""
        return self.chosen.get(name) or None

    def part(self, rows: Sequence[Row]) -> "Part[Row]":
        """Of one row more than is shown, the part that is shown, with where it goes on."""
        shown = list(rows[:ROWS])
        more = len(rows) > ROWS
        older = self._address(after=public_id(self.prefix, shown[-1].id)) if more else None
        return Part(shown, self._address() if self.before else None, older, self.chosen)

    def _address(self, **query: str) -> str:
        given = {name: value for name, value in (self.chosen | query).items() if value}
        return self.path + (f"?{urlencode(given)}" if given else "")


@dataclass(frozen=True, slots=True)
class Part(Generic[Row]):
    """Rows of a list as they are shown."""

    rows: list[Row]
    first_url: str | None
    next_url: str | None
    chosen: dict[str, str]


def window(visit: Visit, path: str, prefix: str, **filters: Sequence[str]) -> Window:
    """What the address asks for; a filter's value that there is not chooses nothing. Raises CursorUnknown."""
    given = visit.request.query_params
    chosen = {name: given[name] for name, values in filters.items() if given.get(name) in values}
    try:
        before = parse_id(prefix, given["after"]) if given.get("after") else None
    except UnknownId:
        raise CursorUnknown(loc=("query", "after")) from None
    return Window(f"{visit.root}{path}", prefix, before, chosen)


def id_of(prefix: str, text: str) -> UUID:
    """The id in a path. Raises UnknownId."""
    return parse_id(prefix, text)


def facts_of(items: Sequence[Any], by: str) -> dict[UUID, list[Any]]:
    """Things by the id they carry as `by`, each group in its order."""
    found: dict[UUID, list[Any]] = {}
    for item in items:
        found.setdefault(getattr(item, by), []).append(item)
    return found
