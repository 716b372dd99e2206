"""Quotes: what an order would cost and post, signed, so that for some minutes it can be had at exactly that price."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import jwt
from pydantic import TypeAdapter

from vezne import identity, payments, promos
from vezne.kernel.db import Tx
from vezne.kernel.errors import Conflict, Invalid
from vezne.kernel.ids import new_id, parse_id, public_id
from vezne.orders import queries, queries_tenders
from vezne.orders.asked import AskedTender
from vezne.orders.lines import AskedLine, Priced
from vezne.orders.models import Tender
from vezne.orders.operations import fulfilling, placing, rehearsing
from vezne.orders.operations.placing import Placed, Wanted

VALID = timedelta(minutes=10)
_PURPOSE = "quotes"
_LINES: TypeAdapter[list[AskedLine]] = TypeAdapter(list[AskedLine])
_TENDERS: TypeAdapter[list[AskedTender]] = TypeAdapter(list[AskedTender])


class QuoteInvalid(Invalid):
    """This quote is none of ours, or was changed."""


class QuoteLapsed(Conflict):
    """This quote was good until {expires_at}; ask for another."""


class PriceChanged(Conflict):
    """What was quoted at {quoted_minor} costs {price_minor} {currency} (minor units) now; ask for another quote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What an order would come to. `price_minor` before fees that the buyer bears and discounts."""

    id: UUID
    token: str
    expires_at: datetime
    currency: str
    price_minor: int
    discount_minor: int
    fee_minor: int
    total_minor: int
    kinds: Sequence[str]
    lines: Sequence[Priced]
    uses: Sequence[promos.Use]
    tenders: Sequence[Tender]
    postings: Sequence[rehearsing.Movement]


async def quote(tx: Tx, wanted: Wanted) -> Quote:
    """Rehearse the whole order, from placing it to giving what was bought, and sign what it comes to.

    Nothing is kept or held: another may have the last seat meanwhile. Raises what `place` does, and what stands in the way of
    giving it.
    """
    drafted = await placing.draft(tx, wanted)
    tenders, postings = await rehearsing.rehearse(tx, lambda: _whole_act(tx, wanted, drafted))
    quote_id, expires_at = new_id(), tx.now + VALID
    base, discount, fee = (sum(part_of(priced, name) for priced in drafted.priced) for name in _PARTS)
    return Quote(
        id=quote_id,
        token=_sign(tx, quote_id, expires_at, wanted, drafted),
        expires_at=expires_at,
        currency=drafted.total.currency,
        price_minor=base,
        discount_minor=discount,
        fee_minor=fee,
        total_minor=drafted.total.minor,
        kinds=[line.kind for line in wanted.asked],
        lines=drafted.priced,
        uses=() if drafted.applied is None else drafted.applied.uses,
        tenders=tenders,
        postings=postings,
    )


_PARTS = ("base_minor", "discount_minor", "buyer_fee_minor")


def part_of(priced: Priced, name: str) -> int:
    """A part of a line's price; what is made of nothing but itself has only a base."""
    charge = priced.details.get("charge")
    if charge is not None:
        part: int = charge[name]
        return part
    return {"base_minor": priced.price.minor, "discount_minor": priced.discount_minor}.get(name, 0)


async def _whole_act(tx: Tx, wanted: Wanted, drafted: placing.Draft) -> list[Tender]:
    placed = await placing.keep(tx, new_id(), wanted, drafted)
    tenders = await queries_tenders.select_tenders(tx, [placed.order.id])
    if placed.payment is not None:
        provider = wanted.named_provider or (await identity.settings_of(tx)).payment_provider
        await rehearsing.post(tx, "payment.captured", provider, placed.payment.currency, placed.payment.amount_minor)
        await fulfilling.settle_at_once(tx, placed.order, placed.lines, tenders)
    return tenders


def _sign(tx: Tx, quote_id: UUID, expires_at: datetime, wanted: Wanted, drafted: placing.Draft) -> str:
    claims = {
        "jti": public_id("quo", quote_id),
        "tenant": tx.tenant_id,
        "exp": int(expires_at.timestamp()),
        "customer": public_id("cus", wanted.customer_id),
        "lines": [line.model_dump(mode="json", exclude_none=True) for line in wanted.asked],
        "tenders": [tender.model_dump(mode="json", exclude_none=True) for tender in wanted.tenders],
        "currency": wanted.currency,
        "provider": wanted.provider,
        "promo_codes": list(wanted.promo_codes),
        "prices": [priced.amount.minor for priced in drafted.priced],
    }
    return jwt.encode(claims, tx.vault.key(_PURPOSE), algorithm="HS256")


async def place_quote(
    tx: Tx,
    token: str,
    *,
    expires_after: timedelta | None = None,
    return_url: str | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Placed:
    """Order exactly what was quoted, at that price. Again: the order that the quote has placed, without its client secret.

    Raises QuoteInvalid, QuoteLapsed, PriceChanged, and what `place` does.
    """
    claims = _read(tx, token)
    order_id = new_id()
    first = await queries_tenders.insert_placed_quote(tx, parse_id("quo", claims["jti"]), order_id)
    if first != order_id:
        return await _placed_before(tx, first)
    expires_at = datetime.fromtimestamp(claims["exp"], UTC)
    if expires_at <= tx.now:
        raise QuoteLapsed(loc=("body", "quote"), expires_at=expires_at.isoformat())
    wanted = replace(_wanted(claims), expires_after=expires_after, return_url=return_url, metadata=metadata or {})
    drafted = await placing.draft(tx, wanted)
    if [priced.amount.minor for priced in drafted.priced] != claims["prices"]:
        raise PriceChanged(
            loc=("body", "quote"),
            quoted_minor=sum(claims["prices"]),
            price_minor=drafted.total.minor,
            currency=drafted.total.currency,
        )
    return await placing.keep(tx, order_id, wanted, drafted)


def _wanted(claims: Mapping[str, Any]) -> Wanted:
    return Wanted(
        customer_id=parse_id("cus", claims["customer"]),
        asked=_LINES.validate_python(claims["lines"]),
        currency=claims["currency"],
        tenders=_TENDERS.validate_python(claims["tenders"]),
        provider=claims["provider"],
        promo_codes=claims.get("promo_codes", ()),
    )


def quoted(tx: Tx, token: str, promo_codes: Sequence[str], *, expires_after: timedelta | None = None) -> Wanted:
    """What a quote is of, lapsed or not, to be quoted anew with these promo codes instead of its own. Raises QuoteInvalid."""
    return replace(_wanted(_read(tx, token)), promo_codes=promo_codes, expires_after=expires_after)


def _read(tx: Tx, token: str) -> dict[str, Any]:
    """What a quote says, when it is one of ours for this tenant; its time is the tenant's, and judged by whoever asks."""
    for key in tx.vault.keys(_PURPOSE):
        try:
            claims: dict[str, Any] = jwt.decode(
                token, key, algorithms=["HS256"], options={"verify_exp": False, "require": ["jti", "exp"]}
            )
        except jwt.InvalidTokenError:
            continue
        if claims.get("tenant") == tx.tenant_id and tx.principal.concerns(parse_id("cus", claims["customer"])):
            return claims
    raise QuoteInvalid(loc=("body", "quote"))


async def _placed_before(tx: Tx, order_id: UUID) -> Placed:
    order = await queries.select_order(tx, order_id)
    if order is None:
        raise RuntimeError("the order that the quote has placed is not there")
    payment = None if order.payment_id is None else await payments.payment(tx, order.payment_id)
    return Placed(order, await queries.select_lines(tx, [order_id]), payment, None)
