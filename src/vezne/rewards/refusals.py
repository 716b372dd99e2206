"""Why the slice says no."""

from vezne.kernel.errors import Conflict, Invalid, NotFound


class RuleUnknown(NotFound):
    """There is no reward rule {rule_id} with this version."""


class RuleMalformed(Invalid):
    """A reward rule's {field} {reason}."""


class RuleExists(Conflict):
    """There is a reward rule for this already, {rule_id}: give it a new version."""


class TierUnknown(Invalid):
    """The reward rule has no tier {tier}; it has {known}."""


class ActivityUnknown(NotFound):
    """There is no reward rule for streaks of {activity}."""


class RewardUnknown(NotFound):
    """There is no reward {reward_id}."""


class RewardReused(Conflict):
    """{type} {reference} of this customer was rewarded before, with {was}; now {asked} is asked for."""


class RewardEnded(Conflict):
    """Of reward {reward_id}, which is {status}, nothing is left to take back."""


class RewardPendingWhole(Conflict):
    """Reward {reward_id} is pending: it can be revoked as a whole, not in part."""


class ClawBackBeyondReward(Conflict):
    """Of reward {reward_id}, {left_minor} can still be taken back, less than {amount_minor}."""


class SelfReferral(Invalid):
    """Nobody refers themselves."""


class ReferredAlready(Conflict):
    """This customer was referred before: by {referrer_id}, under the reference {reference}."""


class ReferredEachOther(Conflict):
    """The referrer was referred by this very customer, {referee_id}."""


class StreakDayAhead(Invalid):
    """{day} has not come yet: today is {today}."""


class StreakDayPassed(Conflict):
    """Days are recorded in order: {last} was recorded before {day}."""


class CustomerNotNamed(Invalid):
    """Name the customer by either student_id, your own reference, or customer_id."""


class StudentUnknown(NotFound):
    """There is no customer with the reference {student_id}."""


class CoinReferenceReused(Conflict):
    """The {type} {reference} of this customer was made before with {was_minor} coins; now {asked_minor} are asked for."""


class AdjustmentEmpty(Invalid):
    """An adjustment gives or takes at least one coin."""


class RedemptionUnclear(Invalid):
    """A redemption spends either an amount under a reference, or the price of a voucher."""


class VoucherUnknown(NotFound):
    """There is no voucher {voucher_id}."""


class VoucherMalformed(Invalid):
    """A voucher's {field} {reason}."""


class VoucherNotOffered(Conflict):
    """Voucher {voucher_id} is not offered now: {reason}."""


class VoucherSoldOut(Conflict):
    """Voucher {voucher_id} is sold out."""


class VoucherLimitReached(Conflict):
    """A customer may redeem voucher {voucher_id} {limit} times at most."""


class VoucherRedemptionUnknown(NotFound):
    """There is no redemption {redemption_id}."""


class VoucherRedemptionReused(Conflict):
    """The reference {reference} of this customer stands for a redemption of another voucher, {voucher_id}."""


class CodesNotTaken(Invalid):
    """This voucher counts its stock: it takes a quantity and no codes."""


class CodesNeeded(Invalid):
    """This voucher gives out codes: upload them, it takes no quantity."""


class StockTooSmall(Conflict):
    """Of voucher {voucher_id}, {left} are left: no more can be taken out of the stock."""


class StockTooLarge(Conflict):
    """A voucher has at most {most} in stock."""
