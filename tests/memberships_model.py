"""A membership as plain Python: what the slice must agree with at every step. Dates are dateutil's, counted from the anchor."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta
from dateutil.tz import resolve_imaginary

SECOND = timedelta(seconds=1)
ZONE = ZoneInfo("Europe/London")


@dataclass(frozen=True)
class ModelPlan:
    """A plan: months, price of a period, credits of a period."""

    name: str
    months: int
    price: int
    level: int
    credits: int


@dataclass
class Life:
    """One membership from its first payment to its end."""

    plan: ModelPlan
    price: int
    anchor: datetime
    start: datetime
    end: datetime
    paid_until: datetime
    value: int
    amount: int
    cycle: int = 1
    status: str = "active"
    due: datetime | None = None
    waiting: bool = False
    attempts: int = 0
    leaving: bool = False
    pausing: bool = False
    rest: timedelta = timedelta()
    rest_value: int = 0
    next_plan: ModelPlan | None = None
    refunded: int = 0
    granted: int = 0
    charged: int = 0

    @classmethod
    def begin(cls, plan: ModelPlan, now: datetime) -> "Life":
        """Its first period is paid."""
        end = months_on(now, plan.months)
        made = cls(plan, plan.price, now, now, end, end, plan.price, plan.price, due=end)
        made.granted, made.charged = plan.credits, plan.price
        return made

    @property
    def over(self) -> bool:
        return self.status in {"cancelled", "ended"}

    def settled(self, now: datetime) -> bool:
        """Whether it runs, is paid for and not yet due."""
        return self.status == "active" and self.due is not None and self.due > now

    def turn(self, now: datetime) -> bool:
        """The clock's turn; whether a period was opened."""
        if self.due is None or self.due > now:
            return False
        if self.leaving:
            self.status, self.due = "ended", None
            return False
        if self.pausing:
            self.status, self.due, self.pausing, self.rest, self.rest_value = "paused", None, False, timedelta(), 0
            return False
        plan = self.next_plan or self.plan
        if plan.months != self.plan.months:
            self.anchor, self.cycle = self.due, 0
        if self.next_plan is not None:
            self.price = plan.price
        self.plan, self.next_plan = plan, None
        self.cycle += 1
        self.start, self.due = self.due, None
        self.end = months_on(self.anchor, plan.months * self.cycle)
        self.value = self.amount = self.price
        self.refunded = self.attempts = 0
        self.waiting = True
        return True

    def pay(self) -> None:
        self.waiting, self.status, self.paid_until, self.due = False, "active", self.end, self.end
        self.granted += self.plan.credits
        self.charged += self.amount

    def fail(self, tries: int) -> None:
        self.attempts += 1
        self.status = "past_due"
        if self.attempts > tries:
            self.finish()

    def finish(self) -> None:
        self.status, self.waiting, self.due, self.pausing = "cancelled", False, None, False

    def cancel(self, now: datetime, *, later: bool) -> None:
        if self.over:
            return
        if later and self.status == "active" and self.paid_until > now:
            self.leaving = True
        else:
            self.finish()

    def pause(self, now: datetime, *, at_end: bool) -> bool:
        if self.status == "paused":
            return True
        if not self.settled(now):
            return False
        if at_end:
            self.pausing = True
            return True
        stops = max(now, self.start + SECOND)
        if stops < self.end:
            left, whole = (self.end - stops) // SECOND, (self.end - self.start) // SECOND
            self.rest, self.rest_value = left * SECOND, max(0, self.value - self.refunded) * left // whole
            self.end = self.paid_until = stops
        self.status, self.due, self.pausing = "paused", None, False
        return True

    def resume(self, now: datetime) -> bool:
        if self.over:
            return False
        if self.status != "paused":
            self.pausing = False
            return True
        self.status, self.anchor, self.cycle = "active", now, 0
        if self.rest:
            self.start = max(now, self.end)
            self.end = self.anchor = self.paid_until = self.due = self.start + self.rest
            self.value, self.amount, self.refunded = self.rest_value, 0, 0
        else:
            self.due = now
        self.rest, self.rest_value = timedelta(), 0
        return True

    def change_now(self, plan: ModelPlan, now: datetime) -> int | None:
        """What it costs; None: it is refused."""
        starts = max(now, self.start + SECOND)
        if not self.settled(now) or plan == self.plan or starts >= self.end:
            return None
        whole = (self.end - self.start) // SECOND
        left = (self.end - starts) // SECOND
        unused = max(0, self.value - self.refunded) * left // whole
        if plan.months != self.plan.months:
            cost, end, credits_ = plan.price, months_on(starts, plan.months), plan.credits
            anchor, cycle = starts, 1
        else:
            last = max(1, self.cycle)
            interval = months_on(self.anchor, plan.months * last) - months_on(self.anchor, plan.months * (last - 1))
            nominal = interval // SECOND
            cost, end, anchor, cycle = plan.price * min(nominal, left) // nominal, self.end, self.anchor, self.cycle
            credits_ = max(0, plan.credits - self.plan.credits) * left // nominal
        if cost < unused:
            return None
        self.granted += credits_
        self.charged += cost - unused
        self.plan, self.price, self.next_plan = plan, plan.price, None
        self.start, self.end, self.anchor, self.cycle = starts, end, anchor, cycle
        self.value, self.amount, self.refunded = cost, cost - unused, 0
        self.paid_until = self.due = end
        return cost - unused

    def change_later(self, plan: ModelPlan, now: datetime) -> bool:
        if plan == self.plan:
            wished = self.next_plan is not None
            self.next_plan = None
            return wished
        if not self.settled(now):
            return False
        self.next_plan = plan
        return True


def months_on(anchor: datetime, months: int) -> datetime:
    """So many months after, by the wall clock of London."""
    if not months:
        return anchor
    local = anchor.astimezone(ZONE) + relativedelta(months=months)
    return resolve_imaginary(local.replace(fold=0)).astimezone(anchor.tzinfo)
