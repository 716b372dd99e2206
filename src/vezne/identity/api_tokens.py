"""Customers' tokens over HTTP."""

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field
from starlette.requests import Request

from vezne.identity.models import CustomerNotFound
from vezne.identity.operations import customer_tokens
from vezne.kernel.http import RequestModel, TxDep, keep_instead, refusals, requires, router
from vezne.kernel.ids import PublicId

token_api = router("/v1/customers/{customer_id}/tokens", "Customers")

CustomerId = Annotated[UUID, PublicId("cus")]
LONGEST_SECONDS = 24 * 3600


class TokenIn(RequestModel):
    """For how long the token shall be good."""

    expires_in_seconds: int = Field(900, ge=60, le=LONGEST_SECONDS)


class TokenOut(BaseModel):
    """A customer's token; `token` itself is shown once, when it is made."""

    customer_id: CustomerId
    token: str | None = Field(description="the token, shown now and never again: `Authorization: Bearer vz_ct_…`")
    expires_at: datetime


@token_api.post("", status_code=201, dependencies=[requires("tokens.write")], responses=refusals(CustomerNotFound))
async def post_token(customer_id: CustomerId, body: TokenIn, tx: TxDep, request: Request) -> TokenOut:
    """A token for a customer's browser or app: it sees and orders for that customer alone, and only where an endpoint says so.

    It ends by itself, or with the key it was made with. The same request again shows no token.
    """
    given = await customer_tokens.give_token(tx, customer_id, life=timedelta(seconds=body.expires_in_seconds))
    shown = TokenOut(customer_id=given.customer_id, token=given.text, expires_at=given.expires_at)
    keep_instead(request, shown.model_copy(update={"token": None}))
    return shown
