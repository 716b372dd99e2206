"""Who may see and do what: the menu hides what a role does not include, and asking for it all the same is refused."""

import pytest

from console_fixtures import GUESTS, Clerk, Office, order_of, stated
from orders_fixtures import seats
from vezne import identity
from vezne.console.models import PLACES
from vezne.kernel.ids import new_id

PAGES = {
    "/orders": "orders.read",
    "/orders/new": "orders.write",
    "/reservations": "bookings.read",
    "/check-in": "checkin.write",
    "/payments": "payments.read",
    "/settlements": "settlements.read",
    "/payouts": "settlements.read",
    "/staff": "staff.manage",
}
FORMS = {
    "/orders": "orders.write",
    "/orders/{ord}/links": "orders.write",
    "/orders/{ord}/cancellation": "orders.write",
    "/orders/{ord}/refund": "orders.write",
    "/check-in": "checkin.write",
    "/payments/{pay}/confirmation": "payments.confirm",
    "/refunds/{ref}/confirmation": "payments.confirm",
    "/unmatched/{umt}": "payments.write",
    "/payouts": "payouts.request",
    "/payouts/files": "payouts.approve",
    "/payouts/{pot}/approval": "payouts.approve",
    "/payouts/{pot}/rejection": "payouts.approve",
    "/payouts/{pot}/sending": "payouts.approve",
    "/payouts/{pot}/arrival": "payouts.approve",
    "/payouts/{pot}/failure": "payouts.approve",
    "/staff": "staff.manage",
    "/staff/{stf}": "staff.manage",
    "/staff/{stf}/invitation": "staff.manage",
    "/staff/{stf}/sessions/end": "staff.manage",
}


def nobodys(path: str) -> str:
    """The path with ids of nothing."""
    for prefix in ("ord", "pay", "ref", "pot", "stf", "umt"):
        path = path.replace(f"{{{prefix}}}", stated(prefix, new_id()))
    return path


@pytest.mark.parametrize("role", identity.ROLES)
async def test_a_role_sees_its_pages_and_no_others(office: Office, role: str) -> None:
    clerk = await office.clerk(role, await office.payee() if role == "partner" else None)
    first = await clerk.see("")
    for path, permission in PAGES.items():
        answer = await clerk.get(path)
        allowed = permission in identity.ROLES[role]
        assert answer.status_code == (200 if allowed else 403), (path, answer.text[:500])
        if path in {place.path for place in PLACES}:
            assert (f'href="{office.root}{path}"' in first) == allowed, path
    assert (await clerk.get("/account")).status_code == 200


@pytest.mark.parametrize("role", identity.ROLES)
async def test_a_form_is_refused_to_who_may_not_send_it(office: Office, role: str) -> None:
    clerk = await office.clerk(role, await office.payee() if role == "partner" else None)
    for path, permission in FORMS.items():
        answer = await clerk.send(nobodys(path), {})
        if permission in identity.ROLES[role]:
            assert answer.status_code in {200, 303, 404, 410, 422}, (path, answer.status_code)
        else:
            assert answer.status_code == 403, (path, answer.status_code)


async def _world(office: Office) -> tuple[Clerk, dict[str, str]]:
    """A partner, and the pages of another partner's things."""
    mine, theirs = await office.payee(), await office.payee()
    event = await office.event(2_500, item={"payee_id": theirs})
    own = await office.event(1_500, item={"payee_id": mine})
    await office.sold(own, 1, GUESTS[4])
    placed = await office.sold(event, 1, GUESTS[0])
    pending = await office.order(await office.guest(GUESTS[1]), [seats(event)])
    finance = await office.clerk("finance")
    payee = stated("pye", theirs)
    await finance.do("/payouts", "/payouts", payee=payee, currency="TRY")
    payout = next(each for each in await office.payouts() if each.payee_id == theirs)
    settlement = (await finance.see("/settlements", payee=payee)).split("/settlements/stl_")[1].split('"')[0]
    pages = {
        "order": order_of(placed),
        "refund": f"{order_of(placed)}/refund",
        "pending": order_of(pending),
        "payment": f"/payments/{placed['payment']['id']}",
        "reservation": f"/reservations/{placed['order']['lines'][0]['details']['claim_id']}",
        "settlement": f"/settlements/stl_{settlement}",
        "payout": f"/payouts/{stated('pot', payout.id)}",
        "statement": f"/statements/{payee}",
    }
    return await office.clerk("partner", mine), pages


async def test_a_partner_sees_nothing_of_anothers(office: Office) -> None:
    partner, foreign = await _world(office)
    owner = await office.clerk("owner")
    for name, path in foreign.items():
        assert (await owner.get(path)).status_code == 200, name
        assert (await partner.get(path)).status_code == 404, name
    for page in ("", "/orders", "/orders/new", "/reservations", "/check-in", "/payments", "/settlements", "/payouts"):
        seen = await partner.see(page)
        for path in foreign.values():
            assert path.split("/")[2] not in seen, (page, path)
        assert GUESTS[0] not in seen
        assert GUESTS[1] not in seen
    assert GUESTS[4] in await partner.see("/orders")
    assert GUESTS[4] in await partner.see("/payments")
    assert GUESTS[4] in await partner.see("/settlements") or "Concert" in await partner.see("/settlements")


async def test_a_partner_does_nothing_to_anothers(office: Office) -> None:
    partner, foreign = await _world(office)
    before = await office.payouts()
    asked = {
        f"{foreign['pending']}/links": {},
        f"{foreign['pending']}/cancellation": {},
        f"{foreign['order']}/refund": {"what": "all", "confirmed": "yes"},
        "/payouts": {"payee": foreign["statement"].rpartition("/")[2], "currency": "TRY"},
    }
    for path, fields in asked.items():
        answer = await partner.send(path, fields)
        assert answer.status_code == 404, (path, answer.status_code, answer.headers.get("location"))
    assert await office.payouts() == before
    owner = await office.clerk("owner")
    assert "Waiting for payment" in await owner.see(foreign["pending"])
    assert "Done" in await owner.see(foreign["order"])


async def test_a_partner_checks_in_and_orders_its_own_only(office: Office) -> None:
    mine, theirs = await office.payee(), await office.payee()
    event, own = await office.event(2_500, item={"payee_id": theirs}), await office.event(1_500, item={"payee_id": mine})
    (foreign,) = await office.codes(await office.sold(event))
    (code,) = await office.codes(await office.sold(own))
    partner = await office.clerk("partner", mine)
    refused = await partner.fill("/check-in", "/check-in", code=foreign)
    assert "Unknown ticket" in refused.text
    assert "Welcome" in (await partner.fill("/check-in", "/check-in", code=code)).text
    fields = {"resource": stated("rsc", event.id), "quantity": "1", "name": "Eve"}
    assert (await partner.send("/orders", fields)).status_code == 404
    page = await partner.do("/orders/new", "/orders", resource=stated("rsc", own.id), quantity="1", name="Eve")
    assert "Order of Eve" in page


async def test_of_an_order_with_lines_of_several_a_partner_sees_its_own_lines(office: Office) -> None:
    mine, theirs = await office.payee(), await office.payee()
    event, own = await office.event(2_500, item={"payee_id": theirs}), await office.event(1_500, item={"payee_id": mine})
    placed = await office.order(await office.guest(), [seats(event), seats(own)])
    await office.settle(placed)
    partner = await office.clerk("partner", mine)
    page = await partner.see(order_of(placed))
    assert "15.00" in page
    assert "40.00" not in page
    assert "25.00" not in page
    assert (await partner.get(f"/payments/{placed['payment']['id']}")).status_code == 404
    assert (await partner.send(f"{order_of(placed)}/refund", {"what": "all", "confirmed": "yes"})).status_code == 404
