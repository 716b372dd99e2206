"""What Stripe is asked: the parameters of its API, made of ours. Pure: the same request gives the same parameters."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from vezne.payments.providers.base import ChargeRequest, Payer, StartRequest
from vezne.payments.providers.stripe_amounts import to_stripe
from vezne.payments.providers.stripe_lookup import made_at
from vezne.payments.tenant_texts import tenant_text

BY_PAGE: Final = "checkout"
"""In the metadata of a PaymentIntent that came of a page."""

_OPEN_FOR, _SHORTEST = timedelta(hours=2), timedelta(minutes=31)
"""How long a page is open. Stripe takes from 30 minutes to a day; we close a page ourselves when its payment's time is over."""
_LOCALES: Final = frozenset(
    "bg cs da de el en es et fi fil fr hr hu id it ja ko lt lv ms mt nb nl pl pt ro ru sk sl sv th tr vi zh".split()  # noqa: SIM905
)
_LONGEST_NAME: Final = 250


def page(request: StartRequest, now: datetime) -> dict[str, Any]:
    """A Checkout page for one payment. Its methods are Stripe's choice: automatic, as they are set on its dashboard."""
    about = _about(request.reference, request.tenant_id)
    intent: dict[str, Any] = {"metadata": {**about, "made_by": BY_PAGE}, "description": _name(request.description)}
    if request.manual_capture:
        intent["capture_method"] = "manual"
    if request.save_method:
        intent["setup_future_usage"] = "off_session"
    asked: dict[str, Any] = {
        "mode": "payment",
        "client_reference_id": request.reference,
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": request.amount.currency.lower(),
                    "unit_amount": to_stripe(request.amount),
                    "product_data": {"name": _name(request.description)},
                },
            }
        ],
        "metadata": about,
        "payment_intent_data": intent,
        "success_url": request.return_url,
        "cancel_url": request.return_url,
        "locale": locale(request.locale),
        **customer(request.customer_ref, request.payer),
    }
    if request.save_method and request.customer_ref is None:
        asked["customer_creation"] = "always"
    until = _until(request.reference, now)
    if until is not None:
        asked["expires_at"] = int(until.timestamp())
    return asked


def charge(request: ChargeRequest) -> dict[str, Any]:
    """A stored method charged while the customer is away: what would lead to a page of the bank fails instead."""
    asked: dict[str, Any] = {
        "amount": to_stripe(request.amount),
        "currency": request.amount.currency.lower(),
        "payment_method": request.method_ref,
        "confirm": True,
        "off_session": True,
        "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        "description": _name(request.description),
        "metadata": _about(request.reference, request.tenant_id),
    }
    if request.customer_ref is not None:
        asked["customer"] = request.customer_ref
    return asked


def customer(known: str | None, payer: Payer) -> Mapping[str, str]:
    """Who pays, as Stripe knows them, or the address that they are asked for otherwise."""
    if known is not None:
        return {"customer": known}
    return {"customer_email": payer.email} if payer.email else {}


def locale(wanted: str) -> str:
    """The page's language where Stripe has it, else the browser's."""
    language = wanted.partition("-")[0].lower()
    return language if language in _LOCALES else "auto"


def _about(reference: str, tenant_id: int) -> dict[str, str]:
    """Whose it is, on everything that is made: the tenant is who an event is for."""
    return {"reference": reference, "tenant": tenant_text(tenant_id)}


def _name(description: str) -> str:
    return description[:_LONGEST_NAME].strip() or "Payment"


def _until(reference: str, now: datetime) -> datetime | None:
    """When the page closes. It hangs on the reference, as a repeat must say the same; only a very late first one says later."""
    made = made_at(reference)
    if made is None:
        return None
    late = now + _SHORTEST > made + _OPEN_FOR
    return (now.astimezone(UTC) if late else made) + _OPEN_FOR
