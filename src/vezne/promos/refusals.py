"""Why promo codes are refused."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from vezne.kernel.errors import Conflict, Invalid, NotFound, RateLimited

Reason = Literal[
    "unknown",
    "inactive",
    "not_started",
    "expired",
    "exhausted",
    "customer_exhausted",
    "wrong_currency",
    "wrong_product",
    "below_minimum",
    "not_eligible",
    "not_combinable",
]
SAID: Mapping[Reason, str] = MappingProxyType(
    {
        "unknown": "there is no such code",
        "inactive": "it is no longer given",
        "not_started": "its time has not begun",
        "expired": "its time is over",
        "exhausted": "all its uses are taken",
        "customer_exhausted": "this customer has used it as often as one may",
        "wrong_currency": "it is not for this currency",
        "wrong_product": "it is for nothing in this basket",
        "below_minimum": "the basket is too small for it",
        "not_eligible": "it is not for this customer",
        "not_combinable": "it cannot be combined with the other codes",
    }
)


class PromoInvalid(Invalid):
    """The promo code {code} cannot be used: {said}."""

    documented_code = "PAY003"

    def __init__(self, code: str, reason: Reason, *, loc: tuple[str | int, ...] = ("body", "promo_codes")) -> None:
        self.reason: Reason = reason
        super().__init__(loc=loc, code=code, said=SAID[reason])

    def errors(self) -> list[dict[str, object]]:
        """The code at fault; `type` is the reason."""
        return [{"loc": list(self.loc or ()), "msg": self.detail, "type": self.reason}]


class PromoGuessing(RateLimited):
    """Too many codes were tried that are none: wait {retry_after_seconds} s."""


class PromotionUnknown(NotFound):
    """There is no promotion {promo_id}."""


class PromoCodeUnknown(NotFound):
    """There is no promo code {code_id}."""


class PromotionMalformed(Invalid):
    """A promotion's {field} {reason}."""


class PromotionNotChanged(Invalid):
    """Give at least one detail of the promotion to change; what it gives is not changed: make another."""


class PromoCodeNotChanged(Invalid):
    """Give at least one detail of the code to change."""


class PromoCodeMalformed(Invalid):
    """A promo code is 3 to 64 Latin letters and digits, with hyphens or underscores between them; not {code}."""


class PromoCodeTaken(Conflict):
    """There is a promo code {code} already; capitals, hyphens and underscores tell no codes apart."""


class UsesBelowTaken(Conflict):
    """{uses} uses are taken already; at most {maximum} would be fewer."""
