"""Small things that pages say in words."""

import pytest

from vezne.console.api.reading_forms import AmountUnreadable, amount_of
from vezne.console.models import browser

pytestmark = pytest.mark.unit

CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/604.1"
)


@pytest.mark.parametrize(
    ("client", "name"),
    [
        (CHROME, "Chrome 130 · Windows"),
        (f"{CHROME} Edg/130.0.0.0", "Edge 130 · Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox 140 · Linux"),
        (IPHONE, "Safari 18 · iPhone"),
        ("curl/8", ""),
        ("", ""),
    ],
)
def test_a_browser_is_called_as_people_call_it(client: str, name: str) -> None:
    assert browser(client) == name


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [("125,50", "TRY", 12550), ("125.5", "TRY", 12550), ("125", "TRY", 12500), (" 7 ", "JPY", 7), ("1,234", "KWD", 1234)],
)
def test_an_amount_is_read_as_it_is_written(text: str, currency: str, minor: int) -> None:
    assert amount_of(text, currency) == minor


@pytest.mark.parametrize("text", ["", "0", "-1", "1.250", "1,234,5", "1.2,3", "١٢", "1e3", "NaN", "9" * 17, "12 50", "TRY 5"])
def test_an_amount_that_could_be_read_two_ways_is_refused(text: str) -> None:
    with pytest.raises(AmountUnreadable):
        amount_of(text, "TRY")
