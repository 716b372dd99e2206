"""What a line of an order comes to, and who gets which part of it: whole minor units, nothing lost, nothing made."""

from dataclasses import dataclass
from uuid import UUID

from vezne.catalog.models import WHOLE, FeeRule, FeeTerms
from vezne.kernel.errors import Invalid
from vezne.kernel.money import Money


class QuantityNotPositive(Invalid):
    """A quantity is at least 1, not {quantity}."""


class DiscountOutOfRange(Invalid):
    """A discount lies between nothing and what it is taken off ({base_minor} {currency}), not {discount_minor}."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """One line priced, all in one currency: `total` is what the buyer pays, and what payee and platform share.

    `platform_share` falls below zero where the platform bears a discount larger than its fee.
    """

    base: Money
    discount: Money
    fee: Money
    buyer_fee: Money
    total: Money
    payee_share: Money
    platform_share: Money
    percentage: int
    rule_id: UUID | None
    rule_version: int


def charge(rule: FeeRule, unit: Money, quantity: int, discount: Money | None = None) -> Charge:
    """What `quantity` at `unit` each comes to under `rule`.

    The fee is reckoned on what the payee asks for: the base, less a discount that the payee bears. It never takes more than
    that from the payee, and nothing of what is free. Raises QuantityNotPositive, DiscountOutOfRange, AmountOutOfRange,
    CurrencyMismatch.
    """
    if quantity < 1:
        raise QuantityNotPositive(quantity=quantity)
    nothing = Money(0, unit.currency)
    base = Money(unit.minor * quantity, unit.currency)
    off = discount or nothing
    if not nothing <= off <= base:
        raise DiscountOutOfRange(base_minor=base.minor, currency=base.currency, discount_minor=off.minor)
    asked = base - off if rule.discount_borne_by == "payee" else base
    percentage = percentage_at(rule, asked.minor)
    fee = Money(_fee(rule, asked, percentage), unit.currency)
    buyer_fee = fee if rule.fee_borne_by == "buyer" else nothing
    total = base - off + buyer_fee
    payee_share = asked - (fee - buyer_fee)
    return Charge(
        base=base,
        discount=off,
        fee=fee,
        buyer_fee=buyer_fee,
        total=total,
        payee_share=payee_share,
        platform_share=total - payee_share,
        percentage=percentage,
        rule_id=rule.id,
        rule_version=rule.version,
    )


def percentage_at(rule: FeeTerms, minor: int) -> int:
    """The basis points that hold for this amount: those of the highest tier it reaches, else the rule's own."""
    reached = [tier.percentage for tier in rule.tiers if tier.from_minor <= minor]
    return reached[-1] if reached else rule.percentage


def _fee(rule: FeeTerms, asked: Money, percentage: int) -> int:
    if asked.minor == 0:
        return 0
    fee = _half_even(asked.minor * percentage) + rule.fixed_minor.get(asked.currency, 0)
    fee = max(fee, rule.minimum_minor.get(asked.currency, 0))
    fee = min(fee, rule.maximum_minor.get(asked.currency, fee))
    return fee if rule.fee_borne_by == "buyer" else min(fee, asked.minor)


def _half_even(ten_thousandths: int) -> int:
    """Whole minor units; exactly half goes to the even neighbour (IEEE 754, roundTiesToEven), so that halves even out."""
    whole, rest = divmod(ten_thousandths, WHOLE)
    return whole + (2 * rest > WHOLE or (2 * rest == WHOLE and whole % 2 == 1))
