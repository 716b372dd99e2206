"""Events are facts in the past tense, about one thing, told in plain values."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest

from vezne.kernel.events import Event
from vezne.kernel.ids import public_id

pytestmark = pytest.mark.unit

WALLET = UUID("01890a5d-ac96-774b-bcce-b302099a8057")


@dataclass(frozen=True, kw_only=True, slots=True)
class WalletLentOut(Event):
    wallet_id: UUID
    order_id: UUID | None
    amount_minor: int
    until: datetime
    reference: str | None = None


LENT = WalletLentOut(wallet_id=WALLET, order_id=None, amount_minor=5, until=datetime(2026, 3, 1, tzinfo=UTC))


def test_the_name_says_the_type_and_what_it_is_about() -> None:
    assert WalletLentOut.type == "wallet.lent_out"
    assert LENT.subject() == public_id("wal", WALLET)


def test_the_payload_is_plain_and_shows_public_ids() -> None:
    assert LENT.payload() == {
        "wallet_id": public_id("wal", WALLET),
        "order_id": None,
        "amount_minor": 5,
        "until": "2026-03-01T00:00:00+00:00",
        "reference": None,
    }
    assert msgspec.json.decode(msgspec.json.encode(LENT.payload())) == LENT.payload()


@pytest.mark.parametrize("name", ["Lent", "Wallet", "UnicornLent"])
def test_a_name_that_says_neither_thing_nor_fact_is_no_event(name: str) -> None:
    with pytest.raises(TypeError):
        type(name, (Event,), {})


def test_an_event_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        LENT.amount_minor = 6  # type: ignore[misc]  # that is the test
