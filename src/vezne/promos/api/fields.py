"""The fields that bodies of promotions and their codes share."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field, Strict, StringConstraints

from vezne.kernel.ids import PublicId
from vezne.kernel.money import MAX_MINOR, AmountMinor, Currency
from vezne.promos.models import Performance, PromotionKind, Redemption, RedemptionStatus

PromoId = Annotated[UUID, PublicId("prm")]
CodeId = Annotated[UUID, PublicId("pcd")]
RedemptionId = Annotated[UUID, PublicId("rdm")]
CustomerId = Annotated[UUID, PublicId("cus")]
OrderId = Annotated[UUID, PublicId("ord")]
ItemId = Annotated[UUID, PublicId("itm")]
PlanId = Annotated[UUID, PublicId("pln")]
TransactionId = Annotated[UUID, PublicId("txn")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"\S")]
Metadata = Annotated[
    dict[Annotated[str, StringConstraints(min_length=1, max_length=40)], Annotated[str, StringConstraints(max_length=500)]],
    Field(max_length=50, description="your own names and values, up to 50"),
]
Amounts = Annotated[
    dict[Currency, AmountMinor], Field(max_length=50, description="minor units by currency", examples=[{"TRY": 10000}])
]
Uses = Annotated[int, Strict(), Field(ge=1, le=MAX_MINOR)]
UsesEach = Annotated[int, Strict(), Field(ge=1, le=1_000_000)]


class PerformanceOut(BaseModel):
    """What a promotion or a code has done in one currency. Amounts are whole minor units."""

    currency: str
    reserved: int = Field(description="uses of orders that wait to be paid")
    redeemed: int = Field(description="uses of orders that were paid")
    released: int = Field(description="uses of orders that ended unpaid")
    discount_minor: int = Field(description="what redeemed uses took off")
    revenue_minor: int = Field(description="what those orders were paid with; refunds are not taken off")
    bonus_units: int = Field(description="credits that came on top and did not go back")


class RedemptionOut(BaseModel):
    """One use of a code by an order."""

    id: RedemptionId
    promotion_id: PromoId
    code_id: CodeId
    code: str
    kind: PromotionKind
    order_id: OrderId
    customer_id: CustomerId
    status: RedemptionStatus = Field(description="reserved: the order waits; redeemed: it was paid; released: it ended unpaid")
    currency: str
    discount_minor: int
    order_minor: int = Field(description="what the order came to")
    trial_days: int
    bonus_units: int
    bonus_transaction_id: TransactionId | None
    bonus_taken: int = Field(description="what of the bonus came back with refunds")
    bonus_missing: int = Field(description="what should have come back too, and was spent or had lapsed")
    reserved_at: datetime
    redeemed_at: datetime | None
    released_at: datetime | None


def shown_performance(found: Performance) -> PerformanceOut:
    """As the API shows it."""
    return PerformanceOut.model_validate(found, from_attributes=True)


def shown_redemption(found: Redemption) -> RedemptionOut:
    """As the API shows it."""
    return RedemptionOut.model_validate(found, from_attributes=True)
