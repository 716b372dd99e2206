"""CM7: the six documented codes, each answered in place of our own for what it means."""

import pytest

from vezne.kernel.edge import refusal_response
from vezne.kernel.errors import Refusal
from vezne.memberships.refusals import AlreadySubscribed
from vezne.payments.api.stripe import WebhookForged
from vezne.payments.providers.base import ProviderRefused
from vezne.promos.refusals import PromoInvalid
from vezne.wallets.refusals import CreditLimitExceeded, CreditsInsufficient

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("code", "refusal", "status"),
    [
        ("PAY001", CreditsInsufficient, 409),
        ("PAY002", ProviderRefused, 409),
        ("PAY003", PromoInvalid, 422),
        ("PAY004", AlreadySubscribed, 409),
        ("PAY005", WebhookForged, 401),
        ("PAY006", CreditLimitExceeded, 409),
    ],
)
def test_cm7_each_documented_code_is_answered(code: str, refusal: type[Refusal], status: int) -> None:
    assert (refusal.documented_code, refusal.status) == (code, status)


def test_cm7_a_payment_that_its_provider_refuses_is_pay002_and_says_why() -> None:
    answer = refusal_response(ProviderRefused(provider="stripe", failure_code="amount_too_small"), "req_1")
    assert b'"code":"PAY002"' in bytes(answer.body)
    assert b"amount_too_small" in bytes(answer.body)
