"""A provider that bills by itself, over plain values: what a test says happens there, and we hear of it as of any other's."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from desk_fixtures import RETURN_URL, Desk
from vezne import payments
from vezne.kernel.events import Reactions
from vezne.kernel.jobs import JobCall
from vezne.kernel.money import Money
from vezne.payments.gateways import Gateways
from vezne.payments.jobs import jobs_on
from vezne.payments.providers.base import (
    Capabilities,
    FormPost,
    Grade,
    PlanTerms,
    ProviderDispute,
    ProviderInvoice,
    ProviderPayment,
    ProviderRefund,
    ProviderRefused,
    ProviderSubscription,
    RefundGrade,
    RefundRequest,
    SeenMethod,
    SignatureInvalid,
    Started,
    StartRequest,
    SubscribeRequest,
    SubscriptionGrade,
    WebhookNotice,
)

NAME = "biller"
GENUINE = {"x-signature": "genuine"}
MONTH = timedelta(days=30)
BEGIN = datetime(2100, 3, 1, tzinfo=UTC)
Reason = Literal["create", "cycle", "update", "other"]


def _other(invoice: ProviderInvoice, changes: Mapping[str, Any]) -> ProviderInvoice:
    return replace(invoice, **changes)


@dataclass
class Biller:
    """A provider whose books are these dicts. It believes everybody who says `genuine`."""

    name: str = NAME
    capabilities: Capabilities = field(
        default_factory=lambda: Capabilities(partial_refund=True, manual_capture=False, cancel=True, subscriptions=True)
    )
    page_origins: tuple[str, ...] = ()
    subscriptions: dict[str, ProviderSubscription] = field(default_factory=dict)
    payments: dict[str, ProviderPayment] = field(default_factory=dict)
    disputes: dict[str, ProviderDispute] = field(default_factory=dict)
    refunds: dict[str, ProviderRefund] = field(default_factory=dict)
    asked: list[SubscribeRequest] = field(default_factory=list)
    changes: dict[str, str] = field(default_factory=dict)
    refuses: bool = False
    away: bool = False

    def _there(self) -> None:
        if self.away:
            raise payments.ProviderUnavailable(provider=NAME, reason="it is away")

    # ---------------------------------------------------------------------------------------- what happens over there

    def agree(self, reference: str, *, trial_until: datetime | None = None) -> str:
        """The customer agrees on the page; the subscription's name. Its first bill is paid, or of nothing in a trial."""
        ref = f"bsub_{len(self.subscriptions) + 1}"
        plan = next(request.plan for request in self.asked if request.reference == reference)
        self.subscriptions[ref] = ProviderSubscription(
            subscription_ref=ref,
            reference=reference,
            grade=SubscriptionGrade.TRIALING if trial_until else SubscriptionGrade.ACTIVE,
            plan_reference=plan.reference,
            period_start=BEGIN,
            period_end=trial_until or BEGIN + MONTH,
            cancels_at_period_end=False,
            trial_until=trial_until,
            customer_ref="bcus_1",
            method=SeenMethod(method_ref=f"bcard_{ref}", customer_ref="bcus_1", brand="visa", last4="4242"),
        )
        self.bill(ref, 0 if trial_until else plan.amount.minor, reason="create")
        return ref

    def bill(self, ref: str, minor: int, *, reason: Reason = "cycle", paid: bool = True, **changes: object) -> ProviderInvoice:
        """Another bill."""
        found = self.subscriptions[ref]
        number = len(found.invoices) + 1
        starts = BEGIN + (number - 1) * MONTH
        invoice = ProviderInvoice(
            invoice_ref=f"{ref}_in_{number}",
            subscription_ref=ref,
            status="paid" if paid else "open",
            reason=reason,
            total=Money(minor, "TRY"),
            paid=Money(minor if paid else 0, "TRY"),
            period_start=starts,
            period_end=starts + MONTH,
            payment_ref=f"bpay_{ref}_{number}" if minor else None,
        )
        invoice = _other(invoice, changes)
        self.put(replace(found, invoices=(*found.invoices, invoice)))
        self._pay(invoice)
        return invoice

    def _pay(self, invoice: ProviderInvoice) -> None:
        if invoice.status == "paid" and invoice.payment_ref is not None:
            self.payments[invoice.payment_ref] = ProviderPayment(
                provider_ref=invoice.payment_ref,
                reference=None,
                grade=Grade.CAPTURED,
                amount=invoice.paid,
                captured=invoice.paid,
                refunded=Money(0, "TRY"),
            )

    def rebill(self, invoice: ProviderInvoice, **changes: object) -> ProviderInvoice:
        """A bill becomes another: it fails, or is paid after all."""
        found = self.subscriptions[invoice.subscription_ref]
        other = _other(invoice, changes)
        bills = tuple(other if each.invoice_ref == invoice.invoice_ref else each for each in found.invoices)
        self.put(replace(found, invoices=bills))
        self._pay(other)
        return other

    def renew(self, ref: str, minor: int = 9_900) -> ProviderInvoice:
        """The next period begins and is paid for."""
        found = self.subscriptions[ref]
        starts = found.period_end or BEGIN
        self.put(replace(found, grade=SubscriptionGrade.ACTIVE, period_start=starts, period_end=starts + MONTH))
        return self.bill(ref, minor)

    def put(self, found: ProviderSubscription) -> ProviderSubscription:
        """The subscription as it now is."""
        self.subscriptions[found.subscription_ref] = found
        return found

    # ------------------------------------------------------------------------------------------------- the Subscribing part

    async def subscribe(self, request: SubscribeRequest) -> Started:
        """A page."""
        self._there()
        if self.refuses:
            raise ProviderRefused(provider=NAME, failure_code="plan_unknown")
        self.asked.append(request)
        return Started(provider_ref=f"page_{request.reference}", redirect_url=f"http://127.0.0.1:9/{request.reference}")

    async def find_subscription(self, reference: str) -> ProviderSubscription | None:
        """By our reference or its page."""
        self._there()
        wanted = reference.removeprefix("page_")
        return next((found for found in self.subscriptions.values() if found.reference == wanted), None)

    async def fetch_subscription(self, subscription_ref: str) -> ProviderSubscription:
        """As it is now."""
        self._there()
        if subscription_ref not in self.subscriptions:
            raise ProviderRefused(provider=NAME, failure_code="no_such_subscription")
        return self.subscriptions[subscription_ref]

    async def preview_change(self, subscription_ref: str, plan: PlanTerms) -> Money:
        """Half the difference."""
        paid = (await self.fetch_subscription(subscription_ref)).invoices[-1].paid
        return Money((plan.amount.minor - paid.minor) // 2, "TRY")

    async def change_subscription(self, subscription_ref: str, plan: PlanTerms, reference: str) -> ProviderSubscription:
        """Another plan, at once."""
        found = await self.fetch_subscription(subscription_ref)
        if reference in self.changes:
            return found
        self.changes[reference] = plan.reference
        cost = await self.preview_change(subscription_ref, plan)
        self.put(replace(found, plan_reference=plan.reference))
        if cost.minor > 0:
            self.bill(subscription_ref, cost.minor, reason="update")
        return self.subscriptions[subscription_ref]

    async def pause_subscription(self, subscription_ref: str) -> ProviderSubscription:
        """Paused."""
        return self.put(replace(await self.fetch_subscription(subscription_ref), grade=SubscriptionGrade.PAUSED))

    async def resume_subscription(self, subscription_ref: str) -> ProviderSubscription:
        """Active."""
        found = await self.fetch_subscription(subscription_ref)
        return self.put(replace(found, grade=SubscriptionGrade.ACTIVE, cancels_at_period_end=False))

    async def cancel_subscription(self, subscription_ref: str, *, at_period_end: bool) -> ProviderSubscription:
        """Ended, or to be ended."""
        found = await self.fetch_subscription(subscription_ref)
        if at_period_end:
            return self.put(replace(found, cancels_at_period_end=True))
        return self.put(replace(found, grade=SubscriptionGrade.CANCELLED, ended_at=BEGIN + MONTH))

    # ----------------------------------------------------------------------------------------------------- the rest of it

    async def fetch_dispute(self, dispute_ref: str) -> ProviderDispute:
        """As it is now."""
        self._there()
        if dispute_ref not in self.disputes:
            raise ProviderRefused(provider=NAME, failure_code="no_such_dispute")
        return self.disputes[dispute_ref]

    async def start(self, request: StartRequest) -> Started:
        """A payment."""
        ref = f"bpay_{request.reference}"
        self.payments[ref] = ProviderPayment(
            provider_ref=ref,
            reference=request.reference,
            grade=Grade.PENDING,
            amount=request.amount,
            captured=Money(0, request.amount.currency),
            refunded=Money(0, request.amount.currency),
        )
        return Started(provider_ref=ref, redirect_url="http://127.0.0.1:9/pay")

    def pay(self, ref: str) -> None:
        """The customer pays."""
        found = self.payments[ref]
        assert found.amount is not None
        self.payments[ref] = replace(found, grade=Grade.CAPTURED, captured=found.amount)

    def form(self, request: StartRequest) -> FormPost | None:  # noqa: ARG002 - the Protocol's signature
        """None."""
        return None

    async def find(self, reference: str, *, tenant_id: int = 0) -> ProviderPayment | None:  # noqa: ARG002 - as above
        """By our reference."""
        return next((found for found in self.payments.values() if found.reference == reference), None)

    async def fetch(self, provider_ref: str) -> ProviderPayment:
        """As it is now."""
        if provider_ref not in self.payments:
            raise ProviderRefused(provider=NAME, failure_code="no_such_payment")
        return self.payments[provider_ref]

    async def capture(self, provider_ref: str, amount: Money) -> ProviderPayment:  # noqa: ARG002 - as above
        """As it is."""
        return await self.fetch(provider_ref)

    async def cancel(self, provider_ref: str) -> ProviderPayment:
        """As it is."""
        return await self.fetch(provider_ref)

    async def refund(self, request: RefundRequest) -> ProviderRefund:
        """Given back at once."""
        made = ProviderRefund(refund_ref=f"b{request.reference}", grade=RefundGrade.SUCCEEDED, amount=request.amount)
        return self.refunds.setdefault(made.refund_ref, made)

    async def fetch_refund(self, refund_ref: str) -> ProviderRefund:
        """As it is now."""
        return self.refunds[refund_ref]

    def read_webhook(self, raw: bytes, headers: Mapping[str, str], now: datetime) -> WebhookNotice:  # noqa: ARG002 - as above
        """What it says."""
        if headers.get("x-signature") != GENUINE["x-signature"]:
            raise SignatureInvalid(reason="it is not genuine")
        said = json.loads(raw)
        return WebhookNotice(
            event_id=said["id"],
            type=said.get("type", "something"),
            provider_ref=said.get("payment"),
            subscription_ref=said.get("subscription"),
            dispute_ref=said.get("dispute"),
        )

    async def aclose(self) -> None:
        """Nothing is open."""


PLAN = PlanTerms(reference="pln_gold/TRY/9900", name="Gold", amount=Money(9_900, "TRY"), interval="month")
BETTER = PlanTerms(reference="pln_better/TRY/19900", name="Better", amount=Money(19_900, "TRY"), interval="month")


@dataclass
class Billed:
    """A desk whose tenant is billed for by the biller."""

    desk: Desk
    biller: Biller
    gateways: Gateways
    told: int = 0

    @classmethod
    def at(cls, desk: Desk) -> "Billed":
        """At this desk; nothing follows from what is published, since nobody has sold what is billed."""
        biller, known = Biller(), desk.gateways.providers
        assert isinstance(known, dict)
        known[NAME] = biller  # the desk's endpoints know the same gateways
        return cls(replace(desk, db=replace(desk.db, reactions=Reactions())), biller, desk.gateways)

    async def subscribe(
        self, customer_id: UUID | None = None, purpose: str = "mbs_1", **changes: object
    ) -> tuple[payments.Subscription, str]:
        """A customer is sent to the page."""
        asked: dict[str, Any] = {
            "customer_id": customer_id or await self.desk.customer(),
            "purpose": purpose,
            "plan": PLAN,
            "return_url": RETURN_URL,
            "provider": NAME,
            **changes,
        }
        return await payments.subscribe(self.desk.db, self.gateways, self.desk.principal, **asked)

    async def subscribed(self, purpose: str = "mbs_1") -> tuple[payments.Subscription, str]:
        """A customer who agreed and paid the first period, and the provider's name for it."""
        made, _ = await self.subscribe(purpose=purpose)
        ref = self.biller.agree(made.reference)
        return await self.look(made.id), ref

    async def look(self, subscription_id: UUID) -> payments.Subscription:
        """Ask the provider now."""
        return await payments.finalise_subscription(self.desk.db, self.gateways, self.desk.principal, subscription_id)

    async def known(self, subscription_id: UUID) -> payments.Subscription:
        """The subscription as it is here."""
        async with self.desk.db.transaction(self.desk.principal, read_only=True) as tx:
            return await payments.subscription(tx, subscription_id)

    async def tell(self, event: str | None = None, **about: str) -> None:
        """A webhook of the provider's; nobody acts on it yet."""
        self.told += 1
        body = {"id": event or f"bevt_{self.told}", **about}
        url = self.gateways.webhook_url(NAME, self.desk.tenant.tenant_id)
        answer = await self.desk.http.post(url, json=body, headers=GENUINE)
        assert answer.status_code == 200, answer.text

    async def act(self) -> int:
        """Act on the webhooks that came."""
        return await self.desk.work("payments.act_on_webhook")

    async def sweep(self, job: str) -> None:
        """The schedule's turn."""
        await jobs_on(self.gateways)[job](self.desk.db, JobCall(job, self.desk.tenant.tenant_id))

    async def facts(self, type_: str) -> list[dict[str, Any]]:
        """What was published, oldest first."""
        async with self.desk.db.transaction(self.desk.principal, read_only=True) as tx:
            rows = await tx.fetch(
                "SELECT payload FROM events WHERE tenant_id = $1 AND type = $2 ORDER BY id", tx.tenant_id, type_
            )
        return [json.loads(row["payload"]) for row in rows]
