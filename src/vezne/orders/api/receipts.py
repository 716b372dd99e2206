"""An order's receipt over HTTP."""

import asyncio
from typing import Annotated, Literal

from fastapi import Query
from starlette.responses import Response

from vezne.kernel.http import TxDep, refusals, requires, router
from vezne.orders import receipts
from vezne.orders.api.schemas import OrderId
from vezne.orders.operations import reading
from vezne.orders.operations.receipts import ReceiptNotYet, receipt

receipts_api = router("/v1/orders/{order_id}/receipt", "orders")


@receipts_api.get(
    "",
    dependencies=[requires("orders.read", own="own.read")],
    response_class=Response,
    responses={
        **refusals(reading.UnknownOrder, ReceiptNotYet),
        200: {"content": {"application/pdf": {}}, "description": "The receipt."},
    },
)
async def get_receipt(
    tx: TxDep,
    order_id: OrderId,
    locale: Annotated[
        Literal["en", "tr"] | None, Query(description="the customer's own language, else the tenant's, when not given")
    ] = None,
) -> Response:
    """The receipt of an order that was paid, as a PDF: the very one that the customer gets by e-mail."""
    found = await receipt(tx, order_id)
    made = await asyncio.to_thread(receipts.pdf, found, locale or found.language)
    name = receipts.file_name(found.order)
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(made, media_type="application/pdf", headers=headers)
