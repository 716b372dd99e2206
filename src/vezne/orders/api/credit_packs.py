"""Packs of credits and coins bought over HTTP: an order of one line, in one request."""

from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints
from starlette.requests import Request

from vezne import catalog, identity, payments
from vezne.kernel.http import RequestModel, TxDep, refusals, requires, router
from vezne.kernel.ids import PublicId
from vezne.kernel.money import AmountOutOfRange, Currency
from vezne.orders.api.orders import BOOKING, PRICING, PROMOS, TENDERING
from vezne.orders.api.schemas import CustomerId, Metadata, PlacedOut, PromoCodes, ReturnUrl, shown_placed
from vezne.orders.asked import AskedTender
from vezne.orders.lines import CreditPackDetails
from vezne.orders.operations import placing, reading
from vezne.payments import Gateways

credit_packs_api = router("/v1/credit-packs", "Credit packs")

ItemId = Annotated[UUID, PublicId("itm")]


class PurchaseIn(RequestModel):
    """Who buys how much of a pack, and how it is paid."""

    customer_id: CustomerId | None = Field(None, description="who buys; a customer's token buys for its own customer")
    units: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = Field(
        None, description="how many, where the buyer chooses; a fixed pack has its own number"
    )
    currency: Currency | None = Field(None, description="in which of its prices; default: the tenant's")
    provider: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,31}$")] | None = Field(
        None, description="who takes the money; default: the tenant's"
    )
    tenders: list[AskedTender] = Field(
        default_factory=list, max_length=10, description="stored value that pays, in this order; a provider is to pay the rest"
    )
    promo_codes: PromoCodes = Field(default_factory=list)
    return_url: ReturnUrl | None = None
    metadata: Metadata = Field(default_factory=dict)


@credit_packs_api.post(
    "/{item_id}/purchases",
    status_code=201,
    dependencies=[requires("orders.write", own="own.write")],
    responses=refusals(
        AmountOutOfRange, *PRICING, *BOOKING, *TENDERING, *PROMOS, identity.CustomerNeeded, payments.ProviderNotOffered
    ),
)
async def purchase_pack(item_id: ItemId, body: PurchaseIn, tx: TxDep, request: Request) -> PlacedOut:
    """Buy a pack: an order of one line, its payment, and the page where it is paid. What it grants comes once it is paid.

    A customer's token buys for its own customer, and names none.
    """
    gateways: Gateways = request.app.state.gateways
    await catalog.pack(tx, item_id)
    placed = await placing.place(
        tx,
        identity.acting_for(tx, body.customer_id, loc=("body", "customer_id")),
        [CreditPackDetails(item_id=item_id, units=body.units)],
        currency=body.currency,
        tenders=body.tenders,
        expires_after=gateways.session_ttl,
        return_url=body.return_url,
        metadata=body.metadata,
        provider=body.provider,
        promo_codes=body.promo_codes,
    )
    return shown_placed(await reading.view(tx, placed.order.id), placed, gateways)
