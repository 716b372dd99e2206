"""What codes would do for a basket, or why one of them does nothing. Nothing is reserved."""

from collections.abc import Sequence
from uuid import UUID

from vezne import identity
from vezne.kernel.db import Tx
from vezne.promos import queries
from vezne.promos.folding import identities, read_code
from vezne.promos.models import MOST_CODES, Applied, Basket, Offer, Promotion, Use
from vezne.promos.operations.guessing import count_guess, refuse_guessing
from vezne.promos.reckoning import eligible, in_order, reckon
from vezne.promos.refusals import PromoInvalid, Reason

Place = tuple[str | int, ...]


async def evaluate(tx: Tx, basket: Basket, codes: Sequence[str], *, loc: Place = ("body", "promo_codes")) -> Applied:
    """What these codes do for the basket, the same in whatever order they are named; one named twice counts once.

    `loc` is where the codes stand in the request. Raises PromoInvalid with its reason, PromoGuessing, CustomerNotFound.
    """
    refuse_guessing(tx, basket.customer_id)
    named = _read(tx, basket.customer_id, codes, loc)
    offers = await _offers(tx, basket.customer_id, named, loc)
    places = {offer.code.id: (*loc, named[offer.code.folded]) for offer in offers}
    customer = await identity.customer(tx, basket.customer_id)
    known_by = identities(tx.vault, tx.tenant_id, customer.id, customer.email, customer.phone)
    used = await queries.select_identity_uses(tx, known_by, [offer.promotion.id for offer in offers])
    for offer in in_order(offers):
        reason = _reason(tx, offer, basket, customer, used.get(offer.promotion.id, 0)) or _alone(offer, offers)
        if reason is not None:
            raise PromoInvalid(offer.code.code, reason, loc=places[offer.code.id])
    uses = reckon(offers, basket.lines, basket.currency)
    for use in uses:
        if not (use.discount_minor or use.bonus_units or use.trial_days):
            raise PromoInvalid(use.code.code, _why_nothing(use, basket, len(uses)), loc=places[use.code.id])
    return Applied(customer_id=basket.customer_id, currency=basket.currency, uses=tuple(uses), identities=known_by)


def _read(tx: Tx, customer_id: UUID, codes: Sequence[str], loc: Place) -> dict[str, int]:
    """The codes as they are looked up, and where each stands."""
    named: dict[str, int] = {}
    for index, text in enumerate(codes):
        read = read_code(text)
        if read is None:
            count_guess(tx, customer_id)
            raise PromoInvalid(text[:64], "unknown", loc=(*loc, index))
        named.setdefault(read[1], index)
        if len(named) > MOST_CODES:
            raise PromoInvalid(read[0], "not_combinable", loc=(*loc, index))
    return named


async def _offers(tx: Tx, customer_id: UUID, named: dict[str, int], loc: Place) -> list[Offer]:
    found = await queries.select_offers(tx, list(named), customer_id)
    missing = sorted(folded for folded in named if folded not in found)
    if missing:
        for _ in missing:
            count_guess(tx, customer_id)
        raise PromoInvalid(missing[0], "unknown", loc=(*loc, named[missing[0]]))
    return list(found.values())


def _alone(offer: Offer, offers: Sequence[Offer]) -> Reason | None:
    """Two codes stand side by side when both are stackable and of different promotions."""
    others = [other for other in offers if other is not offer]
    if not others:
        return None
    if not offer.promotion.stackable or any(other.promotion.id == offer.promotion.id for other in others):
        return "not_combinable"
    return None


def _reason(tx: Tx, offer: Offer, basket: Basket, customer: identity.Customer, used: int) -> Reason | None:
    promotion = offer.promotion
    return (
        _of_time(tx, offer) or _of_counts(offer, used) or _of_customer(offer, basket, customer) or _of_basket(promotion, basket)
    )


def _of_time(tx: Tx, offer: Offer) -> Reason | None:
    promotion = offer.promotion
    if not (promotion.active and offer.code.active):
        return "inactive"
    if promotion.starts_at is not None and tx.now < promotion.starts_at:
        return "not_started"
    if promotion.ends_at is not None and tx.now >= promotion.ends_at:
        return "expired"
    return None


def _of_counts(offer: Offer, used: int) -> Reason | None:
    for counted in (offer.promotion, offer.code):
        if counted.max_uses is not None and counted.uses >= counted.max_uses:
            return "exhausted"
    limit = offer.promotion.uses_per_customer
    return "customer_exhausted" if limit is not None and used >= limit else None


def _of_customer(offer: Offer, basket: Basket, customer: identity.Customer) -> Reason | None:
    promotion = offer.promotion
    if promotion.listed_only and not offer.listed:
        return "not_eligible"
    if promotion.first_purchase_only and not basket.first_purchase:
        return "not_eligible"
    if any(customer.metadata.get(name) != value for name, value in promotion.customer_metadata.items()):
        return "not_eligible"
    return None


def _of_basket(promotion: Promotion, basket: Basket) -> Reason | None:
    if promotion.currencies and basket.currency not in promotion.currencies:
        return "wrong_currency"
    if promotion.kind == "fixed" and basket.currency not in promotion.amount_minor:
        return "wrong_currency"
    lines = eligible(promotion, basket.lines)
    if not lines:
        return "wrong_product"
    if sum(line.amount.minor for line in lines) < promotion.minimum_minor.get(basket.currency, 0):
        return "below_minimum"
    return None


def _why_nothing(use: Use, basket: Basket, codes: int) -> Reason:
    """A code that would be used up for nothing is refused: others take all, or there is nothing to take off."""
    worth = sum(line.amount.minor for line in basket.lines if line.number in use.lines)
    if codes > 1 and worth:
        return "not_combinable"
    return "below_minimum" if worth else "wrong_product"
