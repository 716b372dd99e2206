"""Top-ups over HTTP: an order of one line, in one request."""

from uuid import UUID

from pydantic import Field
from starlette.requests import Request

from vezne import wallets
from vezne.kernel.db import Tx
from vezne.kernel.errors import Invalid
from vezne.kernel.http import RequestModel, TxDep, refusals, requires, router
from vezne.kernel.money import AmountMinor, Currency
from vezne.orders.api.orders import PRICING
from vezne.orders.api.schemas import CustomerId, Metadata, PlacedOut, ReturnUrl, WalletId, shown_placed
from vezne.orders.lines import TopUpDetails
from vezne.orders.operations import placing, reading
from vezne.payments import Gateways

top_ups_api = router("/v1/top-ups", "orders")


class CustomerOrWallet(Invalid):
    """Name the customer, or the wallet to top up, or both when they belong together."""


class TopUpIn(RequestModel):
    """Money to be put into a wallet once it is paid."""

    customer_id: CustomerId | None = Field(None, description="whose money wallet of the currency is topped up")
    wallet_id: WalletId | None = Field(None, description="the wallet to top up")
    amount_minor: AmountMinor
    currency: Currency
    return_url: ReturnUrl | None = None
    metadata: Metadata = Field(default_factory=dict)


@top_ups_api.post("", status_code=201, dependencies=[requires("orders.write")], responses=refusals(CustomerOrWallet, *PRICING))
async def top_up(tx: TxDep, request: Request, asked: TopUpIn) -> PlacedOut:
    """Ask a customer to load their wallet: an order of one line, its payment, and the page where it is paid."""
    gateways: Gateways = request.app.state.gateways
    customer_id = await _customer_of(tx, asked)
    line = TopUpDetails(wallet_id=asked.wallet_id, amount_minor=asked.amount_minor, currency=asked.currency)
    placed = await placing.place(
        tx,
        customer_id,
        [line],
        expires_after=gateways.session_ttl,
        return_url=asked.return_url,
        metadata=asked.metadata,
    )
    return shown_placed(await reading.view(tx, placed.order.id), placed, gateways)


async def _customer_of(tx: Tx, asked: TopUpIn) -> UUID:
    if asked.customer_id is not None:
        return asked.customer_id
    if asked.wallet_id is None:
        raise CustomerOrWallet(loc=("body", "customer_id"))
    return (await wallets.wallet(tx, asked.wallet_id)).customer_id
