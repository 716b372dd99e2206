"""The cards this PayU knows: the documented ones succeed; those that do not are our own, as PayU publishes none."""

from collections.abc import Mapping

from vezne.sandbox.cards import Card

CARDS: Mapping[str, Card] = {
    card.number: card
    for card in (
        Card(number="5123456789012346", brand="mastercard"),
        Card(number="4012001037141112"),
        Card(number="6082015309577308", brand="rupay"),
        Card(number="370295061673669", brand="amex"),
        Card(number="4000000000000002", failure_code="card_declined"),
        Card(number="4000000000009995", failure_code="insufficient_funds"),
        Card(number="4000000000000069", failure_code="expired_card"),
        Card(number="4000000000000127", failure_code="incorrect_cvc"),
        Card(number="4000000000000119", failure_code="processing_error"),
        Card(number="4000008260003178", failure_code="authentication_failed"),
        Card(number="4000000000000077", delayed=True),
    )
}

ERRORS: Mapping[str, tuple[str, str]] = {
    "card_declined": ("E500", "Bank denied transaction on the card."),
    "insufficient_funds": ("E501", "Insufficient funds in the account."),
    "expired_card": ("E502", "The card has expired."),
    "incorrect_cvc": ("E503", "The CVV entered is invalid."),
    "processing_error": ("E504", "Technical failure at the bank."),
    "authentication_failed": ("E505", "3D Secure authentication failed."),
    "user_cancelled": ("E506", "Cancelled by user"),
    "left": ("E507", "Transaction was not completed by the customer."),
}
"""What PayU says of a failure, and under which code: words as it uses them, codes of our own."""


def masked(number: str) -> str:
    """A number as PayU shows it; all that is kept of one."""
    return f"{number[:6]}{'X' * (len(number) - 10)}{number[-4:]}"
