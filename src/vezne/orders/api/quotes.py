"""Quotes over HTTP: what an order would come to, before anybody decides."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field
from starlette.requests import Request

from vezne.kernel.http import RequestModel, TxDep, refusals, requires, router
from vezne.kernel.ids import PublicId
from vezne.kernel.money import AmountOutOfRange, Currency
from vezne.orders.api.orders import BOOKING, PRICING, PROMOS, TENDERING
from vezne.orders.api.schemas import CustomerId, PostingOut, PromoCodes, PromoUseOut, WalletId, shown_use
from vezne.orders.asked import AskedTender
from vezne.orders.lines import AskedLine, Priced
from vezne.orders.models import TenderKind
from vezne.orders.operations import quoting
from vezne.orders.operations.placing import Wanted
from vezne.payments import Gateways

QuoteId = Annotated[UUID, PublicId("quo")]

quotes_api = router("/v1/quotes", "orders")


class QuoteIn(RequestModel):
    """What a customer may want to buy, and how it would be paid."""

    customer_id: CustomerId
    lines: list[AskedLine] = Field(min_length=1, max_length=50)
    currency: Currency | None = Field(None, description="in which of their prices things are bought; default: the tenant's")
    tenders: list[AskedTender] = Field(default_factory=list, max_length=10)
    promo_codes: PromoCodes = Field(default_factory=list)


class QuotedLine(BaseModel):
    """What one line would come to."""

    kind: str
    description: str
    seats: int
    price_minor: int
    discount_minor: int
    fee_minor: int = Field(description="the platform's fee where the buyer bears it")
    total_minor: int


class QuotedTender(BaseModel):
    """What would pay how much of it."""

    kind: TenderKind
    wallet_id: WalletId | None
    amount_minor: int
    units: int


class QuoteOut(BaseModel):
    """What an order would come to, signed: `quote` places it at this price until `expires_at`. Nothing is held meanwhile."""

    id: QuoteId
    quote: str
    expires_at: datetime
    currency: str
    price_minor: int
    discount_minor: int
    fee_minor: int
    total_minor: int
    lines: list[QuotedLine]
    promo_codes: list[PromoUseOut]
    tenders: list[QuotedTender]
    postings: list[PostingOut] = Field(description="everything that would be posted until all is paid and given")


def shown_quote(quote: quoting.Quote) -> QuoteOut:
    """A quote as the API shows it."""
    return QuoteOut(
        id=quote.id,
        quote=quote.token,
        expires_at=quote.expires_at,
        currency=quote.currency,
        price_minor=quote.price_minor,
        discount_minor=quote.discount_minor,
        fee_minor=quote.fee_minor,
        total_minor=quote.total_minor,
        lines=[shown_line(kind, priced) for kind, priced in zip(quote.kinds, quote.lines, strict=True)],
        promo_codes=[shown_use(use) for use in quote.uses],
        tenders=[QuotedTender.model_validate(tender, from_attributes=True) for tender in quote.tenders],
        postings=[PostingOut.model_validate(each, from_attributes=True) for each in quote.postings],
    )


def shown_line(kind: str, priced: Priced) -> QuotedLine:
    """A line that would be bought, as the API shows it."""
    return QuotedLine(
        kind=kind,
        description=priced.description,
        seats=priced.quantity,
        price_minor=quoting.part_of(priced, "base_minor"),
        discount_minor=quoting.part_of(priced, "discount_minor"),
        fee_minor=quoting.part_of(priced, "buyer_fee_minor"),
        total_minor=priced.amount.minor,
    )


@quotes_api.post(
    "",
    status_code=201,
    dependencies=[requires("orders.write")],
    responses=refusals(AmountOutOfRange, *PRICING, *BOOKING, *TENDERING, *PROMOS),
)
async def quote_order(tx: TxDep, request: Request, asked: QuoteIn) -> QuoteOut:
    """What an order would cost and post, from placing it to giving what was bought; all of it is rehearsed and nothing stays."""
    gateways: Gateways = request.app.state.gateways
    wanted = Wanted(
        customer_id=asked.customer_id,
        asked=asked.lines,
        currency=asked.currency,
        tenders=asked.tenders,
        expires_after=gateways.session_ttl,
        promo_codes=asked.promo_codes,
    )
    return shown_quote(await quoting.quote(tx, wanted))
