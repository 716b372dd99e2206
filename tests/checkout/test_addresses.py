"""Which return addresses a page links."""

import pytest

from vezne.checkout.models import reason_of, web_address

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("address", ["https://shop.example/paid?a=1#b", "http://127.0.0.1:8000"])
def test_an_address_a_browser_may_be_sent_to_is_linked(address: str) -> None:
    assert web_address(address) == address


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", " https://shop.example", "//shop.example", "data:text/html,x", "https://", "https://a b"],
)
def test_anything_else_is_not(address: str) -> None:
    assert web_address(address) is None


@pytest.mark.parametrize("code", ["lost_card", "stolen_card", "never_heard_of", None])
def test_what_a_customer_need_not_know_is_a_plain_decline(code: str | None) -> None:
    assert reason_of(code) == "card_declined"
