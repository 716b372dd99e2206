"""The fields that requests and answers about coins share."""

import re
from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Path
from pydantic import AfterValidator, BeforeValidator, Field, Strict, StringConstraints

from vezne.kernel.ids import PublicId
from vezne.kernel.money import MAX_MINOR

RewardId = Annotated[UUID, PublicId("rwd")]
RuleId = Annotated[UUID, PublicId("rul")]
CustomerId = Annotated[UUID, PublicId("cus")]
WalletId = Annotated[UUID, PublicId("wal")]
TransactionId = Annotated[UUID, PublicId("txn")]
VoucherId = Annotated[UUID, PublicId("vch")]
RedemptionId = Annotated[UUID, PublicId("rdm")]

Coins = Annotated[int, Strict(), Field(ge=1, le=MAX_MINOR, description="whole coins", examples=[100])]
CoinsOrNone = Annotated[int, Strict(), Field(ge=0, le=MAX_MINOR, description="whole coins", examples=[100])]
SignedCoins = Annotated[
    int,
    Strict(),
    Field(ge=-MAX_MINOR, le=MAX_MINOR, description="whole coins: positive gives, negative takes", examples=[-25]),
]
StudentId = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200, pattern=r"\S"),
    Field(description="your own reference of the customer, who is made known when there is none yet"),
]
StudentPath = Annotated[
    str,
    Path(
        max_length=200,
        pattern=r"^[^\x00]+$",
        description="your own reference of the customer, or the customer's id",
        examples=["student-17"],
    ),
]
ReferenceId = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200, pattern=r"\S"),
    Field(description="your own name for what this is about; the same again answers the first time", examples=["course-17"]),
]
Cause = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200, pattern=r"\S"),
    Field(description="the order (`ord_…`) or payment (`pay_…`) that it stands on: its refund takes the coins back"),
]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"\S")]
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,59}$")]
WordOrNone = Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9][A-Za-z0-9_.:-]{0,59})?$")]
Description = Annotated[str, StringConstraints(max_length=500)]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True)]

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_YEARS = range(1970, 2200)


def _written(day: object) -> object:
    """Pydantic would also read seconds since 1970; a day is written as one."""
    if isinstance(day, date):
        return day
    if isinstance(day, str) and _DAY.fullmatch(day):
        return date.fromisoformat(day)
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
