"""The fields that requests and answers about settlements share."""

import re
from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from vezne.kernel.ids import PublicId

SettlementId = Annotated[UUID, PublicId("stl")]
PayeeId = Annotated[UUID, PublicId("pye")]
OrderId = Annotated[UUID, PublicId("ord")]
LineId = Annotated[UUID, PublicId("oli")]
PayoutId = Annotated[UUID, PublicId("pot")]
FileId = Annotated[UUID, PublicId("fil")]
EntryId = Annotated[UUID, PublicId("ent")]

Note = Annotated[str, StringConstraints(max_length=140, strip_whitespace=True)]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True)]

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_YEARS = range(1970, 2200)


def _written(day: object) -> object:
    """Pydantic would also read seconds since 1970; a day is written as one."""
    if isinstance(day, date) or (isinstance(day, str) and _DAY.fullmatch(day)):
        return day
    raise ValueError("a day is text such as 2026-03-01")


def _reckonable(day: date) -> date:
    if day.year not in _YEARS:
        raise ValueError(f"a day is of the years {_YEARS.start} to {_YEARS.stop - 1}")
    return day


Day = Annotated[
    date,
    BeforeValidator(_written),
    AfterValidator(_reckonable),
    Field(description="a day of the tenant's time zone", examples=["2026-03-01"]),
]
