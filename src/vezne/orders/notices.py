"""Letters about memberships, as people read them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from babel.dates import format_date

from vezne.identity import Reader
from vezne.kernel.ids import public_id
from vezne.kernel.mail import Letter, Letters
from vezne.kernel.money import Money, format_money
from vezne.memberships import Membership, Period, Plan

_LETTERS = Letters("orders")


@dataclass(frozen=True, slots=True)
class Notice:
    """What a letter says: its title, its paragraphs, and where something can be done about it."""

    title: str
    words: Sequence[str]
    link: str = ""


def past_due(reader: Reader, plan: Plan, period: Period, *, ask: str, usable_until: datetime | None, link: str) -> Notice:
    """A period could not be charged, and the customer can do something about it."""
    facts = {"plan": plan.name, "amount": _money(reader, period.amount)}
    kind = "no_method" if period.last_failure_code == "no_method" else ask
    words = [_say(reader, f"past_due.{kind}", **facts)]
    if usable_until is not None:
        words.append(_say(reader, "usable", day=_day(reader, usable_until)))
    if period.next_try_at is not None and kind != "no_method":
        words.append(_say(reader, "next_try", day=_day(reader, period.next_try_at)))
    return Notice(_say(reader, "past_due.title"), words, link)


def unpaid(reader: Reader, plan: Plan, period: Period, *, paused: bool) -> Notice:
    """No try is left."""
    what = "paused" if paused else "ended"
    words = _say(reader, f"unpaid.{what}", plan=plan.name, amount=_money(reader, period.amount))
    return Notice(_say(reader, f"unpaid.title_{what}"), [words])


def ended(reader: Reader, plan: Plan, at: datetime) -> Notice:
    """It is over."""
    return Notice(_say(reader, "ended.title"), [_say(reader, "ended.text", plan=plan.name, day=_day(reader, at))])


def trial_ending(reader: Reader, plan: Plan, membership: Membership) -> Notice:
    """The first period will be charged soon."""
    price = _money(reader, Money(membership.price_minor, membership.currency))
    words = _say(reader, "trial_ending.text", plan=plan.name, day=_day(reader, membership.period_end), amount=price)
    return Notice(_say(reader, "trial_ending.title"), [words, _say(reader, "trial_ending.cancel")])


def letter(reader: Reader, notice: Notice, membership: Membership, *, purpose: str, dedupe: str) -> Letter:
    """The notice as mail."""
    body = _LETTERS.render(
        "notice",
        language=reader.language,
        sender=reader.tenant.name,
        zone=reader.zone,
        seller=reader.tenant.name,
        name=reader.customer.name or "",
        test_mode=not reader.tenant.livemode,
        notice=notice,
    )
    subject = f"{reader.tenant.name}: {notice.title}"
    return reader.letter(body, subject=subject, purpose=purpose, about=public_id("mbs", membership.id), dedupe=dedupe)


def _money(reader: Reader, amount: Money) -> str:
    return format_money(amount, reader.language)


def _day(reader: Reader, at: datetime) -> str:
    text: str = format_date(at.astimezone(reader.zone).date(), "long", locale=reader.language)
    return text


def _say(reader: Reader, key: str, **names: object) -> str:
    return _LETTERS.subject(reader.language, f"membership.{key}", **names)
