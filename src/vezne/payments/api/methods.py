"""A customer's stored payment methods. Cards get here by being paid with; no number is ever taken or shown."""

from datetime import datetime

from pydantic import BaseModel, Field

from vezne import identity
from vezne.kernel.http import TxDep, refusals, requires, router
from vezne.kernel.paging import Page, PageQuery, by_id, page_of
from vezne.payments.api.payments import CustomerId, MethodId
from vezne.payments.models_methods import PaymentMethod
from vezne.payments.operations import methods

api = router("/v1/customers/{customer_id}/payment-methods", "payments")
_READ = [requires("payments.read", own="own.read")]
_WRITE = [requires("payments.write", own="own.write")]
_UNKNOWN = refusals(methods.MethodUnknown, identity.CustomerNotFound)


class MethodOut(BaseModel):
    """A card (or a wallet on a phone) that a payment provider keeps."""

    id: MethodId
    customer_id: CustomerId
    provider: str
    brand: str = Field(examples=["visa"])
    last4: str = Field(examples=["4242"])
    expires_year: int | None
    expires_month: int | None
    is_default: bool = Field(description="whether renewals are charged to this one")
    active: bool = Field(description="false once it is forgotten: it is charged no more")
    created_at: datetime


def shown_method(method: PaymentMethod) -> MethodOut:
    """A stored method as the API shows it."""
    return MethodOut.model_validate(
        {
            "id": method.id,
            "customer_id": method.customer_id,
            "provider": method.provider,
            "brand": method.brand,
            "last4": method.last4,
            "expires_year": method.expires_year,
            "expires_month": method.expires_month,
            "is_default": method.is_default,
            "active": method.active,
            "created_at": method.created_at,
        }
    )


@api.get("", dependencies=_READ, responses=refusals(identity.CustomerNotFound))
async def list_methods(tx: TxDep, customer_id: CustomerId, page: PageQuery) -> Page[MethodOut]:
    """What the customer's later payments may be charged to, newest first. A customer's token sees its own."""
    whose = identity.acting_for(tx, customer_id)
    found = await methods.methods_page(tx, whose, limit=page.limit + 1, before=page.id_of("mtd"))
    return page_of(found, page, shown_method, by_id("mtd"))


@api.get("/{method_id}", dependencies=_READ, responses=_UNKNOWN)
async def get_method(tx: TxDep, customer_id: CustomerId, method_id: MethodId) -> MethodOut:
    """One of them."""
    return shown_method(await methods.method_of(tx, identity.acting_for(tx, customer_id), method_id))


@api.post("/{method_id}/default", status_code=201, dependencies=_WRITE, responses=_UNKNOWN)
async def make_default(tx: TxDep, customer_id: CustomerId, method_id: MethodId) -> MethodOut:
    """Charge this one from now on. Again: nothing changes."""
    await methods.method_of(tx, identity.acting_for(tx, customer_id), method_id)
    return shown_method(await methods.make_default(tx, method_id))


@api.delete("/{method_id}", dependencies=_WRITE, responses=_UNKNOWN)
async def forget_method(tx: TxDep, customer_id: CustomerId, method_id: MethodId) -> MethodOut:
    """Charge it no more; the provider is told by a job. Of the others the newest becomes the default one."""
    await methods.method_of(tx, identity.acting_for(tx, customer_id), method_id)
    return shown_method(await methods.forget(tx, method_id))
