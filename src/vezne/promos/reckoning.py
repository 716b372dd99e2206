"""What codes take off a basket: exact minor units, the same whatever the order in which the codes were typed.

A trial takes all of a membership's first period. Then fixed amounts come off, then percentages of what is left; within each,
the promotion with the least priority first, then the older one. A line never falls below nothing. What a promotion takes off is
split over its lines in proportion to what is left of each, by largest remainder, so that the parts add up exactly.
"""

from collections.abc import Mapping, Sequence

from vezne.kernel.money import Money
from vezne.promos.models import WHOLE, BasketLine, Offer, Promotion, Use

_ORDER = {"free_trial": 0, "fixed": 1, "percentage": 2, "bonus_credits": 3}
MEMBERSHIP = "membership"


def in_order(offers: Sequence[Offer]) -> list[Offer]:
    """In the order in which they are reckoned; it does not depend on how they were typed."""
    return sorted(offers, key=lambda offer: (_ORDER[offer.promotion.kind], offer.promotion.priority, offer.promotion.id))


def eligible(promotion: Promotion, lines: Sequence[BasketLine]) -> list[BasketLine]:
    """The lines a promotion is for."""
    found = [line for line in lines if _is_for(promotion, line)]
    if promotion.kind == "free_trial":
        return [line for line in found if line.kind == MEMBERSHIP]
    if promotion.kind == "bonus_credits" and promotion.percentage is not None:
        return [line for line in found if line.units]
    return found


def _is_for(promotion: Promotion, line: BasketLine) -> bool:
    if not (promotion.item_ids or promotion.plan_ids or promotion.line_kinds):
        return True
    return line.item_id in promotion.item_ids or line.plan_id in promotion.plan_ids or line.kind in promotion.line_kinds


def reckon(offers: Sequence[Offer], lines: Sequence[BasketLine], currency: str) -> list[Use]:
    """What each offer does, in the order of reckoning."""
    left = {line.number: line.amount.minor for line in lines}
    uses: list[Use] = []
    for offer in in_order(offers):
        mine = eligible(offer.promotion, lines)
        off = _off(offer.promotion, [left[line.number] for line in mine], currency)
        discounts = _split(off, {line.number: left[line.number] for line in mine}, currency)
        for number, minor in discounts.items():
            left[number] -= minor
        uses.append(
            Use(
                promotion=offer.promotion,
                code=offer.code,
                lines=tuple(line.number for line in mine),
                discounts=discounts,
                bonus_units=_bonus(offer.promotion, mine),
                trial_days=offer.promotion.trial_days or 0,
            )
        )
    return uses


def _off(promotion: Promotion, left: Sequence[int], currency: str) -> int:
    """What it takes off in all, never more than is left; percentages are rounded half up."""
    total = sum(left)
    if promotion.kind == "free_trial":
        return total  # the first period costs nothing
    if promotion.kind == "fixed":
        return min(promotion.amount_minor.get(currency, 0), total)
    if promotion.kind == "percentage":
        off = (total * (promotion.percentage or 0) + WHOLE // 2) // WHOLE
        return min(off, promotion.cap_minor.get(currency, off))
    return 0


def _split(off: int, left: Mapping[int, int], currency: str) -> dict[int, int]:
    if not off:
        return {}
    parts = Money(off, currency).split(list(left.values()))
    return {number: part.minor for number, part in zip(left, parts, strict=True) if part.minor}


def _bonus(promotion: Promotion, lines: Sequence[BasketLine]) -> int:
    if promotion.kind != "bonus_credits":
        return 0
    if promotion.percentage is None:
        return promotion.bonus_units or 0
    return sum(line.units for line in lines) * promotion.percentage // WHOLE
