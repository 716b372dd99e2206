"""Which moves are legal, and the small facts the rest stands on."""

from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vezne.payments.models import (
    ATTEMPT_MOVES,
    LIVE,
    OPEN,
    PAYMENT_AT,
    PAYMENT_MOVES,
    REFUND_MOVES,
    AttemptStatus,
    ClientSecretUnknown,
    PaymentStatus,
    RefundStatus,
    attempt_status,
    make_client_secret,
    read_client_secret,
    wait_before,
)
from vezne.payments.providers.base import Grade
from vezne.payments.tenant_texts import tenant_number, tenant_text

pytestmark = pytest.mark.unit

SCHEMA = Path(__file__).parents[2] / "migrations" / "versions" / "0005_payments.sql"


def test_every_status_has_its_moves() -> None:
    assert PAYMENT_MOVES.keys() == set(PaymentStatus)
    assert ATTEMPT_MOVES.keys() == PAYMENT_AT.keys() == set(AttemptStatus)
    assert REFUND_MOVES.keys() == set(RefundStatus)


def test_the_database_knows_the_same_statuses() -> None:
    sql = SCHEMA.read_text()
    for status in (*PaymentStatus, *AttemptStatus, *RefundStatus):
        assert f"'{status}'" in sql


def test_money_is_lost_in_no_state_and_taken_twice_in_none() -> None:
    for status, moves in ATTEMPT_MOVES.items():
        assert (AttemptStatus.CAPTURED in moves) == (status not in {AttemptStatus.CAPTURED, AttemptStatus.MISMATCHED})
    for stands, ways in PAYMENT_MOVES.items():
        assert (PaymentStatus.SUCCEEDED in ways) == (stands is not PaymentStatus.SUCCEEDED)


def test_no_attempt_goes_back() -> None:
    seen: set[AttemptStatus] = set()
    for status in (
        AttemptStatus.STARTING,
        AttemptStatus.PENDING,
        AttemptStatus.REQUIRES_ACTION,
        AttemptStatus.PROCESSING,
        AttemptStatus.AUTHORISED,
    ):
        assert status in LIVE
        seen.add(status)
        assert not ATTEMPT_MOVES[status] & seen


@pytest.mark.parametrize("grade", Grade)
def test_every_grade_of_a_provider_is_a_status_an_open_payment_can_follow(grade: Grade) -> None:
    to = PAYMENT_AT[attempt_status(grade)]
    assert all(to in PAYMENT_MOVES[status] for status in OPEN)


@given(st.integers(0, 2**60 - 1))
def test_a_tenants_number_survives_its_text(number: int) -> None:
    assert tenant_number(tenant_text(number)) == number


@given(st.integers(1, 2**60 - 1), st.uuids(version=4))
def test_a_client_secret_names_its_tenant_and_payment(tenant: int, payment: UUID) -> None:
    assert read_client_secret(make_client_secret(tenant, payment)) == (tenant, payment)


@given(st.text())
def test_any_other_text_is_no_client_secret(text: str) -> None:
    with pytest.raises(ClientSecretUnknown):
        read_client_secret(text)


def test_questions_to_a_provider_grow_rarer_but_never_end() -> None:
    waits = [wait_before(tries) for tries in range(100)]
    assert waits[0] == timedelta(seconds=5)
    assert waits == sorted(waits)
    assert waits[-1] == timedelta(hours=1)
