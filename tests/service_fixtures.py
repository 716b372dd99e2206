"""What a tenant may have, made over the API: one of everything that has an id."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import httpx2

from tenancy_fixtures import TestTenant
from vezne.kernel.ids import new_id, public_id


@dataclass(frozen=True)
class Belongings:
    """One of everything, by the prefix of its id; an `ent` is a transaction's ledger entry."""

    ids: dict[str, str]
    client_secret: str

    def __getitem__(self, prefix: str) -> str:
        return self.ids[prefix]


class Caller:
    """A tenant's own application."""

    def __init__(self, http: httpx2.AsyncClient, tenant: TestTenant) -> None:
        self.http = http
        self.tenant = tenant

    async def make(self, path: str, body: dict[str, Any] | None = None, **headers: str) -> dict[str, Any]:
        """POST what must succeed."""
        answer = await self.http.post(path, json=body, headers={**self.tenant.headers, **headers})
        assert answer.status_code in {200, 201}, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def see(self, path: str, **params: str | int) -> dict[str, Any]:
        """GET what must be there."""
        answer = await self.http.get(path, headers=self.tenant.headers, params=params)
        assert answer.status_code == 200, answer.text
        seen: dict[str, Any] = answer.json()
        return seen

    async def customer(self) -> str:
        """A new customer."""
        return str((await self.make("/v1/customers", {"reference": uuid4().hex}))["id"])

    async def wallet(self, balance: int = 0, *, currency: str = "TRY", kind: str = "money") -> str:
        """A new customer's wallet with something in it."""
        asked = {"customer_id": await self.customer(), "kind": kind, "currency": currency}
        wallet = str((await self.make("/v1/wallets", asked))["id"])
        if balance:
            await self.make(f"/v1/wallets/{wallet}/credits", {"amount_minor": balance, "currency": currency})
        return wallet

    async def balance(self, wallet: str) -> int:
        """What a wallet holds."""
        return int((await self.see(f"/v1/wallets/{wallet}"))["balance_minor"])

    async def paid_out(self, item: str, payee: str, wallet: str, checker: str) -> dict[str, str]:
        """A settlement, the payout of it that the holder of another key approved, and the file for the bank."""
        event = {"kind": "event", "name": "Concert", "capacity": 5, "item_id": item, "payee_id": payee}
        line = {"kind": "booking", "resource_id": (await self.make("/v1/resources", event))["id"]}
        customer = (await self.see(f"/v1/wallets/{wallet}"))["customer_id"]
        tender = {"kind": "wallet", "wallet_id": wallet}
        await self.make("/v1/orders", {"customer_id": customer, "lines": [line], "tenders": [tender]})
        settlement = (await self.see("/v1/settlements"))["data"][0]["id"]
        payout = (await self.make("/v1/payouts", {"payee_id": payee, "currency": "TRY"}))["id"]
        await self.make(f"/v1/payouts/{payout}/approvals", None, Authorization=f"Bearer {checker}")
        file = await self.make("/v1/payout-files", {"payout_ids": [payout], "format": "csv"})
        return {"stl": settlement, "pot": payout, "fil": file["id"]}

    async def refunded(self, customer: str) -> str:
        """A refund of a top-up that was paid at MagicPay's demo."""
        await self.http.patch("/v1/tenant", json={"settings": {"other_providers": ["magicpay"]}}, headers=self.tenant.headers)
        top_up = {"customer_id": customer, "amount_minor": 100, "currency": "TRY"}
        placed = await self.make("/v1/top-ups", top_up)
        session = await self.make("/v1/magicpay/checkout-session", {"reservation_id": placed["order"]["id"]})
        await self.make(f"/v1/magicpay/demo/{session['session_id']}/complete", {"result": "success"})
        refund = await self.make(f"/v1/payments/{session['payment_id']}/refunds", {})
        return str(refund["id"])

    async def paid_in_vain(self, customer: str, item: str) -> str:
        """Money for a seat of an event that was cancelled while it was being paid, at MagicPay's demo."""
        event = {"kind": "event", "name": "Concert", "capacity": 1, "item_id": item}
        resource = (await self.make("/v1/resources", event))["id"]
        line = {"kind": "booking", "resource_id": resource}
        placed = await self.make("/v1/orders", {"customer_id": customer, "lines": [line]})
        session = await self.make("/v1/magicpay/checkout-session", {"reservation_id": placed["order"]["id"]})
        called_off = {"status": "cancelled"}
        await self.http.patch(f"/v1/resources/{resource}", json=called_off, headers=self.tenant.headers)
        await self.make(f"/v1/magicpay/demo/{session['session_id']}/complete", {"result": "success"})
        return str((await self.see("/v1/unmatched-money"))["data"][0]["id"])

    async def asked_by_a_guest(self) -> str:
        """A reservation of the widget that waits, as all is taken."""
        begun = await self.http.get("/v1/widget/init", params={"key": self.tenant.publishable_key})
        token = begun.raise_for_status().json()["access_token"]
        wish = {
            "guest": {"name": "Ada", "email": "ada@example.org"},
            "checkin_date": (date.today() + timedelta(days=5)).isoformat(),  # noqa: DTZ011 - the guest's own calendar
            "checkout_date": (date.today() + timedelta(days=7)).isoformat(),  # noqa: DTZ011 - as above
            "quantity": 20,
            "kvkk_consent": True,
            "terms_consent": True,
        }
        answer = await self.http.post("/v1/widget/reservations", json=wish, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 409, answer.text
        return str((await self.see("/v1/widget-reservations"))["data"][0]["id"])

    async def subscribed(self, customer: str) -> dict[str, str]:
        """A plan, and a membership of it, which is being tried."""
        plan = await self.make("/v1/plans", {"name": "Plus", "interval": "month", "prices": {"TRY": 100}, "trial_days": 7})
        made = await self.make("/v1/memberships", {"customer_id": customer, "plan_id": plan["id"]})
        return {"pln": plan["id"], "mbs": made["membership"]["id"]}

    async def rewarded(self) -> dict[str, str]:
        """A rule for coins, a reward, a voucher and one that was redeemed, and the student who has them."""
        student = public_id("student", new_id())
        tiers = [{"name": "any", "amount_minor": 100}]
        rule = await self.make(
            "/v1/reward-rules", {"trigger": "referral", "name": "Friends", "tiers": tiers, "default_tier": "any"}
        )
        reward = await self.make("/v1/rewards/course-completions", {"student_id": student, "reference_id": uuid4().hex})
        voucher = await self.make("/v1/vouchers", {"name": "Music", "price_minor": 1, "quantity": 5})
        had = await self.make("/v1/coins/redemptions", {"student_id": student, "voucher_id": voucher["id"]})
        return {
            "student": student,
            "rul": rule["id"],
            "rwd": reward["id"],
            "vch": voucher["id"],
            "rdm": had["redemption"]["id"],
        }

    async def promoted(self) -> dict[str, str]:
        """A promotion and a code of it."""
        promotion = await self.make("/v1/promotions", {"name": "Spring", "kind": "percentage", "percentage": 1000})
        code = await self.make("/v1/promo-codes", {"promotion_id": promotion["id"], "code": f"spring{uuid4().hex[:8]}"})
        return {"prm": promotion["id"], "pcd": code["id"]}

    async def belongings(self) -> Belongings:
        """One of everything."""
        wallet = await self.wallet(10_000)
        lira = {"amount_minor": 100, "currency": "TRY"}
        customer = (await self.see(f"/v1/wallets/{wallet}"))["customer_id"]
        debit = await self.make(f"/v1/wallets/{wallet}/debits", lira)
        hold = await self.make(f"/v1/wallets/{wallet}/holds", lira)
        placed = await self.make("/v1/top-ups", {"customer_id": customer, **lira})
        session = await self.make("/v1/checkout-sessions", {"order_id": placed["order"]["id"]})
        key = await self.make("/v1/api-keys", {"kind": "secret", "name": "another"})
        staff = await self.make("/v1/staff", {"email": f"{uuid4().hex}@example.org", "name": "Ada", "role": "viewer"})
        rule = await self.make("/v1/fee-rules", {"name": "standard", "percentage": 1000})
        payee = await self.make("/v1/payees", {"name": "Depo A", "iban": "TR330006100519786457841326"})
        sold = {"name": "Concert", "payee_id": payee["id"], "fee_rule_id": rule["id"], "prices": {"TRY": 100}}
        item = await self.make("/v1/items", sold)
        event = {"kind": "event", "name": "Concert", "capacity": 1, "waiting_list": True}
        resource = str((await self.make("/v1/resources", event))["id"])
        booked = await self.make(f"/v1/resources/{resource}/registrations", {"customer_id": customer})
        coming = (await self.see(f"/v1/resources/{resource}/attendees"))["data"][0]
        waiting = await self.make(f"/v1/resources/{resource}/waiting", {"customer_id": await self.customer()})
        pool = await self.make("/v1/resources", {"kind": "storage", "name": "Depo"})
        units = await self.make(f"/v1/resources/{pool['id']}/units", {"names": ["A1"]})
        paid = await self.paid_out(item["id"], payee["id"], wallet, key["key"])
        ids = paid | {
            "ref": await self.refunded(customer),
            "umt": await self.paid_in_vain(customer, item["id"]),
            "rsc": resource,
            "unt": units["data"][0]["id"],
            "clm": booked["claim"]["id"],
            "tkt": booked["tickets"][0]["id"],
            "atd": coming["id"],
            "wtg": waiting["id"],
            "wrs": await self.asked_by_a_guest(),
            "stf": staff["id"],
            "cus": customer,
            "wal": wallet,
            "txn": debit["id"],
            "ent": debit["id"].replace("txn_", "ent_"),
            "hld": hold["id"],
            "ord": placed["order"]["id"],
            "pay": placed["payment"]["id"],
            "cks": session["session_id"],
            "key": key["id"],
            "itm": item["id"],
            "fee": rule["id"],
            "pye": payee["id"],
            **await self.promoted(),
            **await self.rewarded(),
            **await self.subscribed(customer),
        }
        return Belongings(ids, placed["payment"]["client_secret"])
