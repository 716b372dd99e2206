"""Orders over HTTP. Paying itself happens on the checkout page; nothing here talks to a provider."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import Query
from pydantic import Field
from starlette.requests import Request

from vezne import bookings, catalog, identity, payments, promos, wallets
from vezne.kernel.db import Tx
from vezne.kernel.errors import Invalid
from vezne.kernel.http import RequestModel, TxDep, refusals, requires, router
from vezne.kernel.ids import public_id
from vezne.kernel.money import AmountOutOfRange, Currency, CurrencyMismatch
from vezne.kernel.paging import Page, PageParams, page_of
from vezne.orders import queries
from vezne.orders.api.schemas import (
    CustomerId,
    Metadata,
    OrderId,
    OrderOut,
    PlacedOut,
    PromoCodes,
    ReturnUrl,
    shown_order,
    shown_placed,
)
from vezne.orders.asked import AskedTender
from vezne.orders.lines import AskedLine, booking, credit_pack
from vezne.orders.lines.top_up import WalletNotTopUp, WalletShut
from vezne.orders.models import OrderStatus
from vezne.orders.operations import ending, fulfilling, placing, quoting, reading, tendering
from vezne.payments import Gateways

api = router("/v1/orders", "orders")

PRICING = (
    identity.CustomerNotFound,
    wallets.WalletMissing,
    CurrencyMismatch,
    WalletNotTopUp,
    WalletShut,
)
BOOKING = (
    booking.ResourceOrClaim,
    booking.ClaimNotHeld,
    booking.PeriodTwice,
    placing.ClaimOrdered,
    bookings.ResourceUnknown,
    bookings.ClaimUnknown,
    bookings.ResourceClosed,
    bookings.ResourceOver,
    bookings.SoldOut,
    bookings.NoUnitFree,
    bookings.PeriodNeeded,
    bookings.PeriodNotTaken,
    bookings.DatesBackwards,
    bookings.DatesPast,
    bookings.DatesTooFar,
    bookings.QuantityOutOfRange,
    bookings.AdmissionNeeded,
    catalog.NotOnSale,
    catalog.NoPriceIn,
    catalog.TooManyInOrder,
    *credit_pack.REFUSALS,
)
TENDERING = (
    tendering.TenderNotAccepted,
    tendering.TenderTooLarge,
    tendering.TenderTwice,
    tendering.TenderOfOtherKind,
    tendering.CoinsPayNothing,
    tendering.RestUnpayable,
    wallets.InsufficientFunds,
)


PROMOS = (promos.PromoInvalid, promos.PromoGuessing)


class QuoteStandsAlone(Invalid):
    """A quote says what is ordered, for whom and how it is paid: nothing of that is said beside it."""


class OrderIn(RequestModel):
    """What a customer wants to buy, and how it is to be paid; or a quote of it. Prices are the catalogue's."""

    customer_id: CustomerId | None = None
    lines: list[AskedLine] = Field(default_factory=list, max_length=50)
    quote: Annotated[str, Field(max_length=20_000)] | None = Field(
        None, description="the `quote` of POST /v1/quotes, in place of what it says; it places one order"
    )
    currency: Currency | None = Field(None, description="in which of their prices things are bought; default: the tenant's")
    tenders: list[AskedTender] = Field(
        default_factory=list, max_length=10, description="stored value that pays, in this order; a provider is to pay the rest"
    )
    promo_codes: PromoCodes = Field(default_factory=list)
    return_url: ReturnUrl | None = None
    metadata: Metadata = Field(default_factory=dict)


class OrderFilter(PageParams):
    """Which orders are asked for."""

    customer_id: CustomerId | None = None
    status: OrderStatus | None = None


@api.post(
    "",
    status_code=201,
    dependencies=[requires("orders.write", own="own.write")],
    responses=refusals(
        AmountOutOfRange,
        *PRICING,
        *BOOKING,
        *TENDERING,
        *PROMOS,
        identity.CustomerNeeded,
        QuoteStandsAlone,
        placing.NothingOrdered,
        payments.ProviderNotOffered,
        quoting.QuoteInvalid,
        quoting.QuoteLapsed,
        quoting.PriceChanged,
    ),
)
async def place_order(tx: TxDep, request: Request, asked: OrderIn) -> PlacedOut:
    """Order something: lines of one currency, what pays them, and the page where the rest is paid.

    What stored value covers whole is paid and given at once. A customer's token orders for its own customer, and names none.
    """
    gateways: Gateways = request.app.state.gateways
    if asked.quote is not None:
        placed = await _place_quote(tx, asked, asked.quote, gateways)
    else:
        customer_id = identity.acting_for(tx, asked.customer_id, loc=("body", "customer_id"))
        refuse_for_others(tx, asked.lines)
        placed = await placing.place(
            tx,
            customer_id,
            asked.lines,
            currency=asked.currency,
            tenders=asked.tenders,
            expires_after=gateways.session_ttl,
            return_url=asked.return_url,
            metadata=asked.metadata,
            promo_codes=asked.promo_codes,
        )
    return shown_placed(await reading.view(tx, placed.order.id), placed, gateways)


def refuse_for_others(tx: Tx, lines: Sequence[AskedLine]) -> None:
    """A customer's token buys for nobody else: of others it knows nothing."""
    for line in lines:
        if isinstance(line, booking.BookingDetails):
            identity.seen_by(tx, line.customer_id)


async def _place_quote(tx: Tx, asked: OrderIn, token: str, gateways: Gateways) -> placing.Placed:
    for name in ("customer_id", "lines", "currency", "tenders", "promo_codes"):
        if getattr(asked, name):
            raise QuoteStandsAlone(loc=("body", name))
    return await quoting.place_quote(
        tx, token, expires_after=gateways.session_ttl, return_url=asked.return_url, metadata=asked.metadata
    )


@api.get("", dependencies=[requires("orders.read", own="own.read")], responses=refusals(identity.CustomerNotFound))
async def list_orders(tx: TxDep, asked: Annotated[OrderFilter, Query()]) -> Page[OrderOut]:
    """Orders, newest first; a customer's token sees its own."""
    rows = await queries.select_orders(
        tx,
        limit=asked.limit + 1,
        before=asked.id_of("ord"),
        customer_id=identity.seen_by(tx, asked.customer_id),
        status=asked.status,
    )
    views = await reading.views(tx, rows)
    return page_of(views, asked, shown_order, lambda view: public_id("ord", view.order.id))


@api.get("/{order_id}", dependencies=[requires("orders.read", own="own.read")], responses=refusals(reading.UnknownOrder))
async def get_order(tx: TxDep, order_id: OrderId) -> OrderOut:
    """An order with its lines, what pays it, and the attempts to pay."""
    return shown_order(await reading.view(tx, order_id))


@api.post(
    "/{order_id}/cancellations",
    status_code=201,
    dependencies=[requires("orders.write")],
    responses=refusals(reading.UnknownOrder, payments.PaymentNotOpen, payments.PaymentInFlight, ending.OrderPaidAlready),
)
async def cancel_order(tx: TxDep, order_id: OrderId) -> OrderOut:
    """Want it no longer, while it is not paid. Again: nothing changes."""
    await ending.cancel(tx, order_id)
    return shown_order(await reading.view(tx, order_id))


@api.post(
    "/{order_id}/fulfilments",
    status_code=201,
    dependencies=[requires("orders.write")],
    responses=refusals(reading.UnknownOrder, fulfilling.OrderNotPaid),
)
async def fulfil_order(tx: TxDep, order_id: OrderId) -> OrderOut:
    """Try again to give what a paid order still owes, once what stood in the way is gone."""
    await fulfilling.fulfil(tx, order_id)
    return shown_order(await reading.view(tx, order_id))
