"""The storage story: a guest reserves from somebody else's page, pays on MagicPay's demo page, and the partner is settled."""

from collections.abc import AsyncIterator
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from vezne.app.demos.story import Api, Step, demand, trial_balance
from vezne.kernel.clock import real_now
from vezne.kernel.ids import new_id

CURRENCY = "TRY"
PRICE_A_DAY, DAYS, COMMISSION = 7_500, 2, 500
NONE_FREE = "Bu tarihler arasında depo yoktur"
_CHOSEN = ("payment_provider", "payment_mode", "commission_rate")


async def tell(api: Api) -> AsyncIterator[Step]:
    """Play the story; the tenant's payment settings are put back afterwards. Raises StoryFailed."""
    before = (await api.get("/v1/tenant"))["settings"]
    wanted = {"payment_provider": "magicpay", "payment_mode": "GATEWAY_DEMO", "commission_rate": COMMISSION}
    await api.patch("/v1/tenant", {"settings": wanted})
    try:
        yield Step("The partner takes payments through MagicPay's demo, at a commission of 5 %", wanted)
        async for step in _reserve(api):
            yield step
    finally:
        await api.patch("/v1/tenant", {"settings": {name: before[name] for name in _CHOSEN}})


async def _reserve(api: Api) -> AsyncIterator[Step]:
    depot = await _depot(api)
    yield Step("A depot of one storage unit opens, at 75 TRY a day", {"resource": depot})
    key = await api.post("/v1/api-keys", {"kind": "publishable", "name": f"widget {new_id().hex[-6:]}"})
    init = await api.get(f"/public/widget/init?key={key['key']}")
    guest = api.with_key(init["access_token"])
    yield Step("The widget on the partner's page begins a visit", {"expires_in": init["expires_in"]})
    taken = await guest.post("/public/widget/reservations", _wish(depot, "Ayşe Demir"))
    demand(taken["payment_required"] and taken["payment_url"].startswith("/payments/magicpay/demo/"), f"Not to be paid: {taken}")
    yield Step("A guest asks for two days, with both consents; the unit is held", taken)
    other = await guest.send("POST", "/public/widget/reservations", _wish(depot, "Kemal Kaya"))
    demand(
        other.status_code == HTTPStatus.CONFLICT and other.json()["detail"].startswith(NONE_FREE),
        f"The last unit was given twice: {other.text}",
    )
    yield Step("Another guest asks for the same days", {"status": other.status_code, "detail": other.json()["detail"]})
    async for step in _pay(api, taken):
        yield step
    yield await trial_balance(api)


async def _depot(api: Api) -> str:
    item = await api.post("/v1/items", {"name": "Storage", "kind": "storage", "per": "day", "prices": {CURRENCY: PRICE_A_DAY}})
    depot = await api.post("/v1/resources", {"kind": "storage", "name": "Kadıköy", "item_id": item["id"]})
    await api.post(f"/v1/resources/{depot['id']}/units", {"names": ["D-01"]})
    return str(depot["id"])


def _wish(depot: str, name: str) -> dict[str, Any]:
    begin = real_now().date() + timedelta(days=30)
    return {
        "guest": {"name": name, "email": f"{new_id().hex[-12:]}@example.com", "phone": "+90 555 000 00 00"},
        "checkin_date": begin.isoformat(),
        "checkout_date": (begin + timedelta(days=DAYS)).isoformat(),
        "kvkk_consent": True,
        "terms_consent": True,
        "resource_id": depot,
        "locale": "tr",
    }


async def _pay(api: Api, taken: dict[str, Any]) -> AsyncIterator[Step]:
    again = await api.post("/payments/magicpay/checkout-session", {"reservation_id": taken["id"]})
    demand(again["session_id"] == taken["payment_intent_id"], "A reservation has two payments.")
    yield Step("Staff open a checkout session for it: the same payment comes back", again)
    done = await api.post(f"/payments/magicpay/demo/{taken['payment_intent_id']}/complete", {"result": "success"})
    demand(done["payment_status"] == "paid" and done["settlement_id"] is not None, f"The payment is {done}.")
    yield Step("The demo payment is completed", done)
    settled = await api.get(f"/v1/settlements/{done['settlement_id']}")
    gross = PRICE_A_DAY * DAYS
    demand(
        (settled["gross_minor"], settled["fee_minor"]) == (gross, gross * COMMISSION // 10_000), f"The settlement says {settled}"
    )
    names = ("gross_minor", "fee_minor", "share_minor", "currency")
    yield Step("The settlement: what was paid, the commission, what is owed", {name: settled[name] for name in names})
    reservation = await api.get(f"/v1/widget-reservations/{taken['id']}")
    demand(reservation["status"] == "converted", f"The reservation is {reservation['status']}.")
    facts = {"reservation": reservation["id"], "status": reservation["status"], "order": reservation["order_id"]}
    yield Step("The reservation is converted, with its consents kept", facts | {"consents": len(reservation["consents"])})
