"""The test cards and accounts of Stripe's documentation, what happens to each, and the names they have as `pm_card_…`."""

from collections.abc import Mapping
from dataclasses import dataclass

MESSAGES: Mapping[str, str] = {
    "generic_decline": "Your card was declined.",
    "insufficient_funds": "Your card has insufficient funds.",
    "lost_card": "Your card was declined.",
    "stolen_card": "Your card was declined.",
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
    "card_velocity_exceeded": "Your card was declined for making repeated attempts too frequently or exceeding its amount limit.",
    "authentication_required": "Your card was declined. This transaction requires authentication.",
}
_CODES = {"expired_card": "expired_card", "incorrect_cvc": "incorrect_cvc", "processing_error": "processing_error"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TestCard:
    """A card and what a payment by it comes to."""

    number: str
    names: tuple[str, ...] = ()
    """What stands behind `pm_card_` and `tok_`."""
    brand: str = "visa"
    funding: str = "credit"
    country: str = "US"
    decline: str | None = None
    """Its decline code, when it is declined."""
    attaches: bool = False
    """Declined only when it is charged; the others already when a customer is to have it."""
    three_ds: str = "optional"
    """`always`, `unless_set_up` (off session only when it was not set up), `off_session_never`, or `optional`."""
    dispute: str | None = None
    """The reason it is disputed for after it was paid."""
    refund: str = "succeeded"
    """How a refund to it ends: at once, after a while (`pending`), or not (`failed`)."""

    @property
    def last4(self) -> str:
        """All that is shown of the number."""
        return self.number[-4:]

    @property
    def code(self) -> str:
        """The error's code: some declines have one of their own."""
        return _CODES.get(self.decline or "", "card_declined")


CARDS: Mapping[str, TestCard] = {
    card.number: card
    for card in (
        TestCard(number="4242424242424242", names=("visa", "us")),
        TestCard(number="4000056655665556", names=("visa_debit",), funding="debit"),
        TestCard(number="5555555555554444", names=("mastercard",), brand="mastercard"),
        TestCard(number="5200828282828210", names=("mastercard_debit",), brand="mastercard", funding="debit"),
        TestCard(number="378282246310005", names=("amex",), brand="amex"),
        TestCard(number="6011111111111117", names=("discover",), brand="discover"),
        TestCard(number="3056930009020004", names=("diners",), brand="diners"),
        TestCard(number="3566002020360505", names=("jcb",), brand="jcb"),
        TestCard(number="6200000000000005", names=("unionpay",), brand="unionpay"),
        TestCard(number="4000007920000003", names=("tr",), country="TR"),
        TestCard(number="4000003560000008", names=("in",), country="IN"),
        TestCard(number="4000000000000002", names=("visa_chargeDeclined", "chargeDeclined"), decline="generic_decline"),
        TestCard(
            number="4000000000009995",
            names=("visa_chargeDeclinedInsufficientFunds", "chargeDeclinedInsufficientFunds"),
            decline="insufficient_funds",
        ),
        TestCard(number="4000000000009987", names=("visa_chargeDeclinedLostCard", "chargeDeclinedLostCard"), decline="lost_card"),
        TestCard(
            number="4000000000009979", names=("visa_chargeDeclinedStolenCard", "chargeDeclinedStolenCard"), decline="stolen_card"
        ),
        TestCard(
            number="4000000000000069",
            names=("chargeDeclinedExpiredCard", "visa_chargeDeclinedExpiredCard"),
            decline="expired_card",
        ),
        TestCard(
            number="4000000000000127",
            names=("chargeDeclinedIncorrectCvc", "visa_chargeDeclinedIncorrectCvc"),
            decline="incorrect_cvc",
        ),
        TestCard(
            number="4000000000000119",
            names=("chargeDeclinedProcessingError", "visa_chargeDeclinedProcessingError"),
            decline="processing_error",
        ),
        TestCard(
            number="4000000000006975",
            names=("visa_chargeDeclinedVelocityLimitExceeded", "chargeDeclinedVelocityLimitExceeded"),
            decline="card_velocity_exceeded",
        ),
        TestCard(
            number="4000000000000341",
            names=("chargeCustomerFail", "visa_chargeCustomerFail"),
            decline="generic_decline",
            attaches=True,
        ),
        TestCard(number="4000002500003155", names=("authenticationRequiredOnSetup",), three_ds="unless_set_up", country="IE"),
        TestCard(number="4000002760003184", names=("authenticationRequired",), three_ds="always", country="DE"),
        TestCard(number="4000003800000446", names=("authenticationRequiredSetupForOffSession",), three_ds="off_session_never"),
        TestCard(number="4000000000003220", names=("threeDSecure2Required",), three_ds="always"),
        TestCard(number="4000000000003063", names=("threeDSecureRequired",), three_ds="always"),
        TestCard(number="4000000000003055", names=("threeDSecureOptional",)),
        TestCard(
            number="4000008260003178",
            names=("authenticationRequiredChargeDeclinedInsufficientFunds",),
            three_ds="always",
            decline="insufficient_funds",
            attaches=True,
        ),
        TestCard(
            number="4000008400001629",
            names=("threeDSecureRequiredChargeDeclined",),
            three_ds="always",
            decline="generic_decline",
            attaches=True,
        ),
        TestCard(number="4000000000000259", names=("createDispute",), dispute="fraudulent"),
        TestCard(number="4000000000002685", names=("createDisputeProductNotReceived",), dispute="product_not_received"),
        TestCard(number="4000000000001976", names=("createDisputeInquiry",), dispute="inquiry"),
        TestCard(number="4000000000007726", names=("pendingRefund",), refund="pending"),
        TestCard(number="4000000000005126", names=("refundFail",), refund="failed"),
    )
}
NAMED: Mapping[str, TestCard] = {name: card for card in CARDS.values() for name in card.names}

ON_THE_PAGE = (
    "4242424242424242",
    "5555555555554444",
    "4000000000000002",
    "4000000000009995",
    "4000000000009987",
    "4000000000009979",
    "4000000000000069",
    "4000000000000127",
    "4000000000000119",
    "4000000000000341",
    "4000002500003155",
    "4000002760003184",
    "4000008260003178",
    "4000000000000259",
    "4000000000007726",
    "4000000000005126",
)
"""Those the hosted page lists."""

IBANS: Mapping[str, str | None] = {
    "AT611904300234573201": None,
    "DE89370400440532013000": None,
    "AT861904300235473202": "insufficient_funds",
    "DE62370400440532013001": "insufficient_funds",
}
"""Accounts for SEPA debits, which are paid or not days later, and why not."""
