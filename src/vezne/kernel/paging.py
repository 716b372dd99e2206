"""Pages of a list: newest first, read on by an opaque cursor that stays right while new rows arrive."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, Protocol, TypeVar
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, Field

from vezne.kernel.errors import Invalid
from vezne.kernel.ids import UnknownId, parse_id, public_id

Item = TypeVar("Item")
Row = TypeVar("Row")


class CursorUnknown(Invalid):
    """This cursor was not given out by this list."""


class PageParams(BaseModel):
    """Which part of a list is asked for."""

    limit: int = Field(20, ge=1, le=100, description="how many at most")
    after: str | None = Field(None, max_length=512, description="`next` of the page before")

    def position(self) -> str | None:
        """What the cursor stands for. Raises CursorUnknown."""
        if self.after is None:
            return None
        try:
            return base64.urlsafe_b64decode(self.after.encode() + b"==").decode("ascii")
        except (binascii.Error, ValueError):
            raise CursorUnknown(loc=("query", "after")) from None

    def id_of(self, prefix: str) -> UUID | None:
        """The cursor's position, where positions are ids. Raises CursorUnknown."""
        position = self.position()
        try:
            return None if position is None else parse_id(prefix, position)
        except UnknownId:
            raise CursorUnknown(loc=("query", "after")) from None

    def number(self) -> int | None:
        """The cursor's position, where positions are numbers. Raises CursorUnknown."""
        position = self.position()
        if position is None:
            return None
        if not (position.isascii() and position.isdigit() and len(position) < 19):  # noqa: PLR2004 - fits a bigint
            raise CursorUnknown(loc=("query", "after"))
        return int(position)


PageQuery = Annotated[PageParams, Query()]


class Page(BaseModel, Generic[Item]):
    """Some of a list."""

    data: list[Item]
    has_more: bool = Field(description="whether older ones follow")
    next: str | None = Field(description="pass as `after` to read on; null on the last page")


def cursor(position: object) -> str:
    """The opaque text of a position in a list."""
    return base64.urlsafe_b64encode(str(position).encode()).decode().rstrip("=")


class Identified(Protocol):
    """A row with an id."""

    @property
    def id(self) -> UUID:
        """Later ones sort after earlier ones."""


def page_of(found: Sequence[Row], asked: PageParams, show: Callable[[Row], Item], at: Callable[[Row], object]) -> Page[Item]:
    """The page that was asked for, of rows of which one more than its limit was looked for; `at` is a row's position."""
    shown, has_more = found[: asked.limit], len(found) > asked.limit
    return Page[Any](data=[show(row) for row in shown], has_more=has_more, next=cursor(at(shown[-1])) if has_more else None)


def by_id(prefix: str) -> Callable[[Identified], str]:
    """Positions that are public ids."""
    return lambda row: public_id(prefix, row.id)
