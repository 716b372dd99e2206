"""The fields that bodies of the catalogue share."""

from typing import Annotated
from uuid import UUID

from pydantic import Field, Strict, StringConstraints

from vezne.kernel.ids import PublicId
from vezne.kernel.money import MAX_MINOR, Currency

ItemId = Annotated[UUID, PublicId("itm")]
FeeRuleId = Annotated[UUID, PublicId("fee")]
PayeeId = Annotated[UUID, PublicId("pye")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"\S")]
Metadata = Annotated[
    dict[Annotated[str, StringConstraints(min_length=1, max_length=40)], Annotated[str, StringConstraints(max_length=500)]],
    Field(max_length=50, description="your own names and values, up to 50"),
]
AmountOrNothing = Annotated[int, Strict(), Field(ge=0, le=MAX_MINOR)]
Amounts = Annotated[
    dict[Currency, AmountOrNothing], Field(max_length=50, description="minor units by currency", examples=[{"TRY": 10000}])
]
