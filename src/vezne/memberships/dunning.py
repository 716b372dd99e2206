"""What is done when a period could not be charged: by the class of the refusal and the number of tries, as a table.

Each row is what follows the try of its place; after the last row the membership comes to the end that the tenant chose.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Literal

FailureClass = Literal["soft", "authentication", "hard", "technical"]
Ask = Literal["nothing", "confirm", "new_method"]


@dataclass(frozen=True, slots=True)
class Step:
    """Wait so long, then try again; meanwhile the customer is asked for nothing, to confirm, or for another card."""

    wait: timedelta
    ask: Ask


def _steps(ask: Ask, *waits: timedelta) -> tuple[Step, ...]:
    return tuple(Step(wait, ask) for wait in waits)


_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)

DUNNING: Mapping[FailureClass, tuple[Step, ...]] = MappingProxyType(
    {
        # There may be money tomorrow: retry soon, then around the next pay day.
        "soft": (*_steps("nothing", 1 * _DAY, 3 * _DAY), *_steps("new_method", 5 * _DAY, 7 * _DAY)),
        # The bank wants the customer's own word: retries alone do not help.
        "authentication": _steps("confirm", 1 * _DAY, 3 * _DAY, 7 * _DAY),
        # This card will never work again: ask for another, look twice whether it is there.
        "hard": _steps("new_method", 3 * _DAY, 7 * _DAY),
        # Nobody's fault but a machine's: soon again, and the customer is not bothered before it lasts.
        "technical": (*_steps("nothing", 1 * _HOUR, 6 * _HOUR, 1 * _DAY), *_steps("new_method", 3 * _DAY, 5 * _DAY)),
    }
)
"""What follows the first, second, … failed try of a period whose last failure was of this class."""

CLASSES: Mapping[str, FailureClass] = MappingProxyType(
    {
        **dict.fromkeys(("authentication_required", "authentication_failed", "requires_action", "3ds_failed"), "authentication"),
        **dict.fromkeys(
            (
                "lost_card",
                "stolen_card",
                "expired_card",
                "pickup_card",
                "restricted_card",
                "invalid_account",
                "invalid_number",
                "incorrect_number",
                "new_account_information_available",
                "card_not_supported",
                "currency_not_supported",
                "fraudulent",
                "revocation_of_authorization",
                "revocation_of_all_authorizations",
                "stop_payment_order",
                "transaction_not_allowed",
                "method_forgotten",
                "no_method",
            ),
            "hard",
        ),
        **dict.fromkeys(
            (
                "processing_error",
                "issuer_not_available",
                "try_again_later",
                "reenter_transaction",
                "approve_with_id",
                "provider_unavailable",
                "timeout",
                "expired",
            ),
            "technical",
        ),
    }
)
"""The codes providers refuse with (Stripe's decline codes among them). Any other is soft: the bank has not said never."""


def class_of(failure_code: str) -> FailureClass:
    """The class of a refusal."""
    return CLASSES.get(failure_code, "soft")


def step_after(failure_class: FailureClass, tries: int) -> Step | None:
    """What follows when this many tries have failed, the last of them so; None: no try is left."""
    steps = DUNNING[failure_class]
    return steps[tries - 1] if tries <= len(steps) else None
