"""Stripe's refunds and disputes at the sandbox (CM7, ET5)."""

from typing import Any

import pytest
import stripe

from sandbox.stripe_lab import Lab, looked_at, until


def charge_of(lab: Lab, intent: stripe.PaymentIntent) -> dict[str, Any]:
    return looked_at(lab.v1.charges.retrieve(intent.latest_charge))


def refused_with(lab: Lab, **asked: object) -> stripe.InvalidRequestError:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        lab.v1.refunds.create(asked)
    return refused.value


def test_parts_are_given_back_until_nothing_is_left(stripe_lab: Lab) -> None:
    intent = stripe_lab.intent()
    part = looked_at(stripe_lab.v1.refunds.create({"payment_intent": intent.id, "amount": 500, "metadata": {"r": "1"}}))
    assert (part["status"], part["amount"], part["charge"]) == ("succeeded", 500, intent.latest_charge)
    assert charge_of(stripe_lab, intent)["amount_refunded"] == 500
    assert "greater than unrefunded amount on charge (1500)" in str(
        refused_with(stripe_lab, charge=intent.latest_charge, amount=1501)
    )
    rest = stripe_lab.v1.refunds.create({"charge": intent.latest_charge, "reason": "duplicate"})
    assert rest.amount == 1500
    assert (charge_of(stripe_lab, intent)["amount_refunded"], charge_of(stripe_lab, intent)["refunded"]) == (2000, True)
    assert refused_with(stripe_lab, payment_intent=intent.id).code == "charge_already_refunded"
    assert [one.id for one in stripe_lab.v1.refunds.list({"payment_intent": intent.id})] == [rest.id, part["id"]]
    told = stripe_lab.v1.events.list({"type": "charge.refunded"}).data[0]
    assert (told.data.object.amount_refunded, told.data.previous_attributes["amount_refunded"]) == (2000, 500)
    balance = looked_at(stripe_lab.v1.balance_transactions.retrieve(rest.balance_transaction))
    assert (balance["amount"], balance["net"], balance["type"]) == (-1500, -1500, "refund")


def test_what_was_not_taken_cannot_be_given_back(stripe_lab: Lab) -> None:
    held = stripe_lab.intent(capture_method="manual")
    assert "does not have a successful charge" in str(refused_with(stripe_lab, payment_intent=held.id))
    assert "has not been captured" in str(refused_with(stripe_lab, charge=held.latest_charge))
    assert refused_with(stripe_lab).param == "charge"
    assert refused_with(stripe_lab, payment_intent="pi_none").param == "payment_intent"
    paid = stripe_lab.intent()
    assert refused_with(stripe_lab, payment_intent=paid.id, amount=0).param == "amount"
    assert refused_with(stripe_lab, payment_intent=paid.id, reason="mood").param == "reason"


def test_a_part_of_held_money_that_was_captured_is_all_there_is_to_give_back(stripe_lab: Lab) -> None:
    held = stripe_lab.intent(capture_method="manual")
    stripe_lab.v1.payment_intents.capture(held.id, {"amount_to_capture": 1500})
    assert refused_with(stripe_lab, payment_intent=held.id, amount=1501).param == "amount"
    assert stripe_lab.v1.refunds.create({"payment_intent": held.id}).amount == 1500


def test_a_refund_to_some_cards_takes_a_while_and_to_some_fails_later(stripe_lab: Lab) -> None:
    slow = stripe_lab.intent("pendingRefund")
    pending = looked_at(stripe_lab.v1.refunds.create({"payment_intent": slow.id}))
    assert pending["status"] == "pending"
    until(lambda: stripe_lab.v1.refunds.retrieve(pending["id"]).status == "succeeded")
    until(lambda: stripe_lab.types(pending["id"]) == ["refund.created", "refund.updated", "charge.refund.updated"])
    bad = stripe_lab.intent("refundFail")
    begun = stripe_lab.v1.refunds.create({"payment_intent": bad.id, "amount": 700})
    assert begun.status == "succeeded"
    until(lambda: stripe_lab.v1.refunds.retrieve(begun.id).status == "failed")
    failed = looked_at(stripe_lab.v1.refunds.retrieve(begun.id))
    assert failed["failure_reason"] == "expired_or_canceled_card"
    assert charge_of(stripe_lab, bad)["amount_refunded"] == 0
    assert "refund.failed" in stripe_lab.types(begun.id)


def test_a_refund_that_needs_its_customer_can_be_called_off(stripe_lab: Lab) -> None:
    intent = stripe_lab.intent()
    asked = {"payment_intent": intent.id, "instructions_email": "ada@example.com"}
    waiting = looked_at(stripe_lab.v1.refunds.create(asked))
    assert waiting["status"] == "requires_action"
    assert looked_at(stripe_lab.v1.refunds.cancel(waiting["id"]))["status"] == "canceled"
    assert charge_of(stripe_lab, intent)["amount_refunded"] == 0
    done = stripe_lab.v1.refunds.create({"payment_intent": intent.id})
    with pytest.raises(stripe.InvalidRequestError, match="status of succeeded"):
        stripe_lab.v1.refunds.cancel(done.id)


def test_every_refund_waits_or_fails_when_that_fault_is_armed(stripe_lab: Lab) -> None:
    intent = stripe_lab.intent()
    with stripe_lab.armed(refunds={"delay_ms": 30, "fail": True}):
        begun = stripe_lab.v1.refunds.create({"payment_intent": intent.id})
        assert begun.status == "pending"
        until(lambda: stripe_lab.v1.refunds.retrieve(begun.id).status == "failed")


def disputed(lab: Lab, card: str = "createDispute") -> tuple[Any, dict[str, Any]]:
    intent = lab.intent(card)
    (dispute,) = lab.v1.disputes.list({"payment_intent": intent.id}).data
    return intent, looked_at(dispute)


def test_a_disputed_payment_is_taken_back_and_cannot_be_refunded(stripe_lab: Lab) -> None:
    intent, dispute = disputed(stripe_lab)
    assert (dispute["status"], dispute["amount"], dispute["reason"]) == ("needs_response", 2000, "fraudulent")
    assert dispute["balance_transactions"][0]["net"] == -2000 - 1500
    assert charge_of(stripe_lab, intent)["disputed"]
    assert stripe_lab.types(dispute["id"]) == ["charge.dispute.created", "charge.dispute.funds_withdrawn"]
    assert refused_with(stripe_lab, payment_intent=intent.id).code == "charge_disputed"


@pytest.mark.parametrize(("words", "end"), [("winning_evidence", "won"), ("losing_evidence", "lost")])
def test_evidence_wins_or_loses(stripe_lab: Lab, words: str, end: str) -> None:
    _, dispute = disputed(stripe_lab, "createDisputeProductNotReceived")
    draft = looked_at(stripe_lab.v1.disputes.update(dispute["id"], {"evidence": {"customer_name": "Ada"}, "submit": False}))
    assert (draft["status"], draft["evidence_details"]["has_evidence"]) == ("needs_response", True)
    sent = looked_at(stripe_lab.v1.disputes.update(dispute["id"], {"evidence": {"uncategorized_text": words}}))
    assert (sent["status"], sent["evidence_details"]["submission_count"]) == ("under_review", 1)
    until(lambda: stripe_lab.v1.disputes.retrieve(dispute["id"]).status == end)
    ended = looked_at(stripe_lab.v1.disputes.retrieve(dispute["id"]))
    assert len(ended["balance_transactions"]) == (2 if end == "won" else 1)
    assert ("charge.dispute.funds_reinstated" in stripe_lab.types(dispute["id"])) == (end == "won")
    assert stripe_lab.types(dispute["id"])[-1] == "charge.dispute.closed"
    with pytest.raises(stripe.InvalidRequestError, match="already closed"):
        stripe_lab.v1.disputes.close(dispute["id"])


def test_a_dispute_is_lost_when_the_merchant_gives_in_or_says_nothing(stripe_lab: Lab) -> None:
    _, first = disputed(stripe_lab)
    assert looked_at(stripe_lab.v1.disputes.close(first["id"]))["status"] == "lost"
    _, second = disputed(stripe_lab)
    stripe_lab.clock.move(days=10)
    missed = looked_at(stripe_lab.v1.disputes.retrieve(second["id"]))
    assert (missed["status"], missed["evidence_details"]["past_due"]) == ("lost", True)


def test_an_inquiry_takes_nothing_yet_and_may_still_be_refunded(stripe_lab: Lab) -> None:
    intent, inquiry = disputed(stripe_lab, "createDisputeInquiry")
    assert (inquiry["status"], inquiry["balance_transactions"]) == ("warning_needs_response", [])
    assert stripe_lab.v1.refunds.create({"payment_intent": intent.id}).status == "succeeded"
