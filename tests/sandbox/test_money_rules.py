"""Amounts of a payment hold whatever is tried on it, in whatever order."""

from contextlib import suppress

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from vezne.sandbox.cards import CARDS, Card, is_card_number
from vezne.sandbox.models import LEGAL, Payment, Status
from vezne.sandbox.refusals import Refused

AMOUNTS = st.integers(1, 2**53 - 1) | st.integers(1, 1_000)


class PaymentLife(RuleBasedStateMachine):
    """One payment, everything that may be tried on it, and a plain model of what is set aside and refunded."""

    @initialize(amount=AMOUNTS, capture=st.sampled_from(["automatic", "manual"]))
    def begin(self, amount: int, capture: str) -> None:
        self.payment = Payment(
            id="sim_pay_1",
            merchant_reference="m",
            amount_minor=amount,
            currency="TRY",
            capture=capture,
            locale="en",
            return_url="http://127.0.0.1/",
            webhook_url=None,
            redirect_url="http://127.0.0.1/",
            created_at="",
            updated_at="",
            expires_at="",
        )
        self.seen = [self.payment.status]
        self.set_aside: list[int] = []
        self.refunded = 0

    def keep(self, payment: Payment) -> None:
        if payment.status is not self.payment.status:
            assert payment.status in LEGAL[self.payment.status]
            self.seen.append(payment.status)
        self.payment = payment

    @rule(card=st.sampled_from(list(CARDS.values())))
    def pay(self, card: Card) -> None:
        with suppress(Refused):
            self.keep(self.payment.pay(card))

    @rule(card=st.sampled_from(list(CARDS.values())), approved=st.booleans())
    def answer(self, card: Card, *, approved: bool) -> None:
        with suppress(Refused):
            self.keep(self.payment.answer_challenge(card, approved=approved))

    @rule()
    def finish_processing(self) -> None:
        if self.payment.status is Status.PROCESSING:
            self.keep(self.payment.approve())

    @rule(amount=AMOUNTS | st.none())
    def capture(self, amount: int | None) -> None:
        with suppress(Refused):
            self.keep(self.payment.capture_amount(amount))

    @rule(how=st.sampled_from(["cancel", "expire"]))
    def end(self, how: str) -> None:
        with suppress(Refused):
            self.keep(self.payment.cancel() if how == "cancel" else self.payment.expire())

    @rule(amount=AMOUNTS | st.none())
    def begin_refund(self, amount: int | None) -> None:
        left = self.payment.captured_minor - self.refunded - sum(self.set_aside)
        try:
            payment, refunding = self.payment.begin_refund(amount)
        except Refused:
            assert self.payment.status is not Status.SUCCEEDED or left == 0 or (amount or 0) > left
            return
        assert refunding == (left if amount is None else amount) <= left
        self.set_aside.append(refunding)
        self.keep(payment)

    @rule(succeeded=st.booleans())
    def end_refund(self, *, succeeded: bool) -> None:
        if self.set_aside:
            amount = self.set_aside.pop()
            self.refunded += amount if succeeded else 0
            self.keep(self.payment.end_refund(amount, succeeded=succeeded))

    @invariant()
    def amounts_hold(self) -> None:
        if not hasattr(self, "payment"):
            return
        paid = self.payment
        assert 0 <= paid.captured_minor <= paid.amount_minor
        assert paid.refunded_minor == self.refunded
        assert paid.refunding_minor == sum(self.set_aside)
        assert paid.refunded_minor + paid.refunding_minor <= paid.captured_minor
        assert (paid.captured_minor > 0) == (paid.status is Status.SUCCEEDED)
        assert (paid.failure_code is not None) == (paid.status is Status.FAILED)

    @invariant()
    def no_status_comes_back(self) -> None:
        if hasattr(self, "seen"):
            assert len(self.seen) == len(set(self.seen))


PaymentLife.TestCase.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)
TestPaymentLife = pytest.mark.unit(PaymentLife.TestCase)


@pytest.mark.unit
def test_every_test_card_is_a_well_formed_number_and_known_by_its_last_four_digits() -> None:
    assert all(is_card_number(number) for number in CARDS)
    assert len({card.last4 for card in CARDS.values()}) == len(CARDS)
    for number in ("4242424242424241", "42424242424", "４２４２４２４２４２４２４２４２", "", "4" * 20):
        assert not is_card_number(number)
