"""Why memberships say no."""

from typing import ClassVar

from vezne.kernel.errors import Conflict, Invalid, NotFound


class PlanUnknown(NotFound):
    """There is no plan {plan_id}."""


class PlanMalformed(Invalid):
    """A plan's {field} {reason}."""


class PlanNotOffered(Conflict):
    """Plan {plan_id} is offered no longer."""


class PlanHasNoPrice(Conflict):
    """Plan {plan_id} has no price in {currency}."""


class MembershipUnknown(NotFound):
    """There is no membership {membership_id}."""


class NoMembership(NotFound):
    """Customer {customer_id} has no membership."""


class PeriodUnknown(NotFound):
    """There is no period {period_id} of a membership."""


class AlreadySubscribed(Conflict):
    """Customer {customer_id} has a membership of the family {family} already: {membership_id} is {status}."""

    documented_code: ClassVar[str | None] = "PAY004"


class MembershipOver(Conflict):
    """Membership {membership_id} is {status}: nothing of it can be changed."""


class MembershipNotReady(Conflict):
    """Membership {membership_id} is {status}; this is done with one that is {wanted}."""


class PeriodOver(Conflict):
    """Period {period_id} is {status}; nothing can be paid for it."""


class PeriodPaidOtherwise(Conflict):
    """Period {period_id} was paid by another order."""


class PeriodRefundTooLarge(Conflict):
    """Of period {period_id}, {refundable_minor} {currency} (minor units) can still be refunded, less than {amount_minor}."""


class SamePlan(Conflict):
    """Membership {membership_id} is of the plan {plan_id} already."""


class OtherFamily(Invalid):
    """Plan {plan_id} is of the family {family}, the membership of {own}: a change stays in its family."""


class ChangeCostsLess(Conflict):
    """Plan {plan_id} costs {less_minor} {currency} (minor units) less than what is left of the period; change at its end."""


class PauseEndsBeforeItBegins(Invalid):
    """A pause ends after it begins, at most {days} days later."""


class RenewalUnderWay(Conflict):
    """The running period of membership {membership_id} is not paid yet; that comes first."""


class ProviderActsAtOnce(Invalid):
    """Membership {membership_id} is billed by {provider}, which acts at once and not at a period's end."""
