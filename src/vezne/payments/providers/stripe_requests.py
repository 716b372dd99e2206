"""What Stripe is asked: the parameters of its API, made of ours. Pure: the same request gives the same parameters."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from vezne.payments.providers.base import ChargeRequest, Payer, PlanTerms, ProviderRefused, StartRequest, SubscribeRequest
from vezne.payments.providers.stripe_amounts import NAME, to_stripe
from vezne.payments.providers.stripe_lookup import id_in, made_at
from vezne.payments.tenant_texts import tenant_text

BY_PAGE: Final = "checkout"
"""In the metadata of a PaymentIntent that came of a page."""

_OPEN_FOR, _SHORTEST = timedelta(hours=2), timedelta(minutes=31)
"""How long a page is open. Stripe takes from 30 minutes to a day; we close a page ourselves when its payment's time is over."""
_LOCALES: Final = frozenset(
    "bg cs da de el en es et fi fil fr hr hu id it ja ko lt lv ms mt nb nl pl pt ro ru sk sl sv th tr vi zh".split()  # noqa: SIM905
)
_LONGEST_NAME: Final = 250
_NEAREST_TRIAL_END: Final = timedelta(hours=48, minutes=30)
"""Checkout takes no end of a trial that is less than 48 hours away."""
_NAME: Final = re.compile(r"[A-Za-z]{2,10}_[A-Za-z0-9_]{1,240}", re.ASCII)


def named(text: str) -> str:
    """A name of Stripe's kind: what is none never becomes part of an address. Raises ProviderRefused."""
    if _NAME.fullmatch(text) is None:
        raise ProviderRefused(provider=NAME, failure_code="malformed_id")
    return text


def is_ours(text: str) -> bool:
    """Whether this is a public id of ours; Stripe has names with the same beginnings."""
    return id_in(text) is not None


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


def subscribing_page(request: SubscribeRequest, price: str, now: datetime) -> dict[str, Any]:
    """A Checkout page for a subscription."""
    about = _about(request.reference, request.tenant_id)
    agreed: dict[str, Any] = {"metadata": {**about, "plan": request.plan.reference}}
    if request.trial_until is not None and request.trial_until > now:
        agreed |= _trial(request.trial_until, now)
    return {
        "mode": "subscription",
        "client_reference_id": request.reference,
        "line_items": [{"price": price, "quantity": 1}],
        "metadata": about,
        "subscription_data": agreed,
        "success_url": request.return_url,
        "cancel_url": request.return_url,
        "locale": locale(request.locale),
        **customer(request.customer_ref, request.payer),
    }


def _trial(until: datetime, now: datetime) -> dict[str, int]:
    """A trial: until an instant, or in whole days where that is nearer than Stripe's page takes."""
    if until - now > _NEAREST_TRIAL_END:
        return {"trial_end": int(until.timestamp())}
    return {"trial_period_days": max(1, -((now - until) // timedelta(days=1)))}


def price(plan: PlanTerms) -> dict[str, Any]:
    """A Price that bills a plan."""
    return {
        "currency": plan.amount.currency.lower(),
        "unit_amount": to_stripe(plan.amount),
        "recurring": {"interval": plan.interval, "interval_count": plan.interval_count},
        "product_data": {"name": _name(plan.name)},
        "lookup_key": plan.reference,
        "transfer_lookup_key": True,  # one that was archived on the dashboard keeps its key
        "metadata": {"plan": plan.reference},
    }


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
