"""Sending the customer to a provider, and on to the next one when the first did not take the money."""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from uuid import UUID

from vezne import identity
from vezne.kernel.db import Database, Tx
from vezne.kernel.errors import Invalid, NotFound
from vezne.kernel.ids import UnknownId, new_id, parse_id, public_id
from vezne.kernel.principal import Principal
from vezne.kernel.vault import Vault
from vezne.payments import queries, queries_methods
from vezne.payments.gateways import Gateways
from vezne.payments.models import (
    LIVE,
    OPEN,
    Attempt,
    AttemptStatus,
    Payment,
    PaymentStatus,
    wait_before,
)
from vezne.payments.operations import closing, settling
from vezne.payments.operations.paying import PaymentNotOpen, PaymentUnderReview, refuse_unless_open
from vezne.payments.operations.settling import PaymentInFlight
from vezne.payments.providers.base import FormPost, Payer, Provider, ProviderRefused, Started, StartRequest
from vezne.payments.tenant_texts import tenant_number, tenant_text

_TOKEN = re.compile(r"([0-9a-hjkmnp-tv-z]{1,12})_(att_[0-9a-z]{26})_([A-Za-z0-9_-]{32})", re.ASCII)
_MAC_BYTES = 24


class ProviderNotOffered(Invalid):
    """This tenant takes no payments through {provider}."""


class FormUnknown(NotFound):
    """There is nothing to pay at this address."""


@dataclass(frozen=True, slots=True)
class StartedAttempt:
    """Where the customer pays this attempt; `form` for a provider that is entered by one, which `redirect_url` submits."""

    attempt_id: UUID
    number: int
    provider: str
    redirect_url: str
    form: FormPost | None = None


async def start_attempt(
    db: Database,
    gateways: Gateways,
    principal: Principal,
    payment_id: UUID,
    *,
    return_url: str,
    locale: str = "en",
    provider: str | None = None,
) -> StartedAttempt:
    """Send the customer to `provider` (None: the payment's own, else the tenant's); then they come back to `return_url`.

    Again while an attempt is live there: the same attempt and address. One that is live elsewhere is closed first. After a
    failed one: the next, which names it as parent, for the same amount. Raises PaymentNotOpen, PaymentInFlight,
    PaymentUnderReview, ProviderNotOffered, ProviderUnknown, ProviderUnavailable (call again), ProviderRefused.
    """
    if provider is not None:
        await _leave_others(db, gateways, principal, payment_id, provider)
    async with db.transaction(principal) as tx:
        asked, attempt, again = await _claim(tx, gateways, payment_id, return_url, locale, provider)
        request = await _request(tx, gateways, asked, attempt)
    chosen = gateways.provider(attempt.provider)
    if attempt.redirect_url is not None:
        return StartedAttempt(attempt.id, attempt.number, attempt.provider, attempt.redirect_url, chosen.form(request))
    try:
        started = await _start(chosen, request, again=again)
    except ProviderRefused as refused:
        async with db.transaction(principal) as tx:
            code = str(refused.facts["failure_code"])
            await settling.end_unstarted(tx, payment_id, attempt.id, AttemptStatus.FAILED, code)
        raise
    async with db.transaction(principal) as tx:
        asked = await settling.name(tx, attempt.id, started.provider_ref, started.redirect_url)
        if asked.status not in OPEN:  # it ended while we were asking: nobody is to pay there
            await tx.enqueue("payments.cancel_at_provider", {"attempt_id": public_id("att", attempt.id)})
    refuse_unless_open(asked)
    return StartedAttempt(attempt.id, attempt.number, attempt.provider, started.redirect_url, chosen.form(request))


async def _leave_others(db: Database, gateways: Gateways, principal: Principal, payment_id: UUID, wanted: str) -> None:
    """Close a live attempt at another provider: money that comes there all the same is kept and flagged, as paid twice."""
    async with db.transaction(principal, read_only=True) as tx:
        attempts = await queries.select_attempts(tx, [payment_id])
    for attempt in attempts:
        if attempt.status in LIVE and attempt.provider != wanted:
            await closing.cancel_at_provider(db, gateways, principal, attempt.id)
            async with db.transaction(principal) as tx:
                await settling.abandon(tx, payment_id, attempt.id)


async def _start(provider: Provider, request: StartRequest, *, again: bool) -> Started:
    """An attempt whose start was not answered may exist: it is looked for before anything new is made."""
    found = await provider.find(request.reference, tenant_id=request.tenant_id) if again else None
    if found is not None and found.redirect_url is not None:
        return Started(provider_ref=found.provider_ref, redirect_url=found.redirect_url)
    return await provider.start(request)


async def _claim(
    tx: Tx, gateways: Gateways, payment_id: UUID, return_url: str, locale: str, provider: str | None
) -> tuple[Payment, Attempt, bool]:
    """The payment's live attempt, and True; or a new one, and False."""
    asked = await settling.lock(tx, payment_id)
    refuse_unless_open(asked)
    if asked.flag is not None:
        raise PaymentUnderReview(payment_id=public_id("pay", payment_id))
    if asked.status is PaymentStatus.PROCESSING:
        raise PaymentInFlight(payment_id=public_id("pay", payment_id))
    if asked.expires_at <= tx.now:
        raise PaymentNotOpen(payment_id=public_id("pay", payment_id), status=PaymentStatus.EXPIRED)
    attempts = await queries.select_attempts(tx, [payment_id])
    last = attempts[-1] if attempts else None
    if last is not None and last.status in LIVE:
        return asked, last, True
    name = await _choose(tx, asked, provider)
    offline = gateways.provider(name).capabilities.offline
    attempt = _next(tx, asked, last, name, return_url, locale)
    await queries.insert_attempt(tx, attempt)
    if not offline:
        await tx.enqueue("payments.poll", {"attempt_id": attempt.reference}, after=wait_before(0))
    return asked, attempt, False


def _next(tx: Tx, asked: Payment, last: Attempt | None, provider: str, return_url: str, locale: str) -> Attempt:
    return Attempt(
        id=new_id(),
        payment_id=asked.id,
        number=last.number + 1 if last else 1,
        parent_id=last.id if last else None,
        provider=provider,
        provider_ref=None,
        status=AttemptStatus.STARTING,
        is_final=False,
        failure_code=None,
        redirect_url=None,
        return_url=return_url,
        locale=locale,
        captured_minor=0,
        polls=0,
        entry_id=None,
        created_at=tx.now,
        ended_at=None,
    )


async def _choose(tx: Tx, asked: Payment, wanted: str | None) -> str:
    settings = await identity.settings_of(tx)
    if wanted is None:
        return asked.provider or settings.payment_provider
    if wanted not in {asked.provider, settings.payment_provider, *settings.other_providers}:
        raise ProviderNotOffered(loc=("body", "provider"), provider=wanted[:64])
    return wanted


async def _request(tx: Tx, gateways: Gateways, asked: Payment, attempt: Attempt) -> StartRequest:
    payer, name = Payer(), None
    if asked.customer_id is not None:
        customer = await identity.customer(tx, asked.customer_id)
        payer = Payer(name=customer.name or "", email=customer.email or "", phone=customer.phone or "")
        name = await queries_methods.select_customer(tx, attempt.provider, asked.customer_id)
    return StartRequest(
        reference=attempt.reference,
        amount=asked.amount,
        return_url=attempt.return_url,
        webhook_url=gateways.webhook_url(attempt.provider, tx.tenant_id),
        tenant_id=tx.tenant_id,
        form_url=gateways.form_url(make_form_token(tx.vault, tx.tenant_id, attempt.id)),
        payer=payer,
        locale=attempt.locale,
        description=asked.purpose,
        save_method=asked.save_method and asked.customer_id is not None,
        customer_reference="" if asked.customer_id is None else public_id("cus", asked.customer_id),
        customer_ref=name,
    )


async def form_of(db: Database, gateways: Gateways, token: str) -> tuple[FormPost, str]:
    """The form that enters the provider of a live attempt, signed now, and the customer's language.

    Changes nothing. Raises FormUnknown, also once the attempt has ended, and ProviderUnknown.
    """
    tenant_id, attempt_id = read_form_token(db.vault, token)
    principal = Principal(tenant_id, f"payer:{public_id('att', attempt_id)}", "public", frozenset())
    async with db.transaction(principal, read_only=True) as tx:
        attempt = await queries.select_attempt(tx, attempt_id)
        if attempt is None or attempt.status not in LIVE:
            raise FormUnknown
        asked = await settling.payment(tx, attempt.payment_id)
        if asked.status not in OPEN:
            raise FormUnknown
        request = await _request(tx, gateways, asked, attempt)
    form = gateways.provider(attempt.provider).form(request)
    if form is None:
        raise FormUnknown
    return form, attempt.locale


def make_form_token(vault: Vault, tenant_id: int, attempt_id: UUID) -> str:
    """The secret part of a form's address: it names tenant and attempt, and is signed."""
    text = f"{tenant_text(tenant_id)}_{public_id('att', attempt_id)}"
    return f"{text}_{_mac(vault.key('payment forms'), text)}"


def read_form_token(vault: Vault, token: str) -> tuple[int, UUID]:
    """The tenant and attempt of a token that `make_form_token` made. Raises FormUnknown."""
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise FormUnknown
    text = f"{match[1]}_{match[2]}"
    if not any(hmac.compare_digest(_mac(key, text), match[3]) for key in vault.keys("payment forms")):
        raise FormUnknown
    try:
        return tenant_number(match[1]), parse_id("att", match[2])
    except (ValueError, UnknownId):
        raise FormUnknown from None


def _mac(key: bytes, text: str) -> str:
    return base64.urlsafe_b64encode(hmac.digest(key, text.encode(), hashlib.sha256)[:_MAC_BYTES]).decode()
