"""Why settlements say no."""

from vezne.kernel.errors import Conflict, Invalid, NotFound


class UnknownSettlement(NotFound):
    """There is no settlement of {line_id}."""


class SettlementMissing(NotFound):
    """There is no settlement {settlement_id}."""


class SettledOtherwise(Conflict):
    """The line {line_id} is settled already, for another payee or another amount."""


class ClawBackEmpty(Invalid):
    """At least one minor unit is clawed back or given again, not {amount_minor}."""


class ClawBackTooLarge(Conflict):
    """Of what was paid for the line {line_id}, {left_minor} {currency} can be clawed back, less than {amount_minor}."""


class GivenAgainTooMuch(Conflict):
    """Of the line {line_id}, {clawed_minor} {currency} was clawed back, less than {amount_minor}."""


class CauseReused(Conflict):
    """The cause {cause} stands in the books of the line {line_id} with another amount."""


class PayoutMissing(NotFound):
    """There is no payout {payout_id}."""


class PayoutNothingDue(Conflict):
    """Nothing is due to payee {payee_id} in {currency}: {available_minor} minor units."""


class PayoutBelowMinimum(Conflict):
    """A payout is of at least {minimum_minor} {currency} (minor units); due to payee {payee_id} are {due_minor}."""


class PayoutAmountDoesNotFit(Conflict):
    """Whole settlements are paid, the oldest first: they come to {nearest} {currency} (minor units), not to {asked_minor}."""


class MakerIsChecker(Conflict):
    """Who asked for payout {payout_id} cannot decide on it: somebody else must."""


class PayoutMoveIllegal(Conflict):
    """Payout {payout_id} is {status}; it cannot become {asked}."""


class PayoutInFile(Conflict):
    """Payout {payout_id} stands in a file for the bank: say that it was sent, then that it was paid or failed."""


class PayoutNotInFile(Conflict):
    """Payout {payout_id} is not in the file {file_id}."""


class PayoutFiledAlready(Conflict):
    """Payout {payout_id} stands in the file {file_id} already; ask for it `again` when that file was not used."""


class PayoutNotApproved(Conflict):
    """Payout {payout_id} is {status}; a file for the bank takes approved ones."""


class PayoutCurrencyNotReal(Conflict):
    """Payout {payout_id} is in {currency}, which no bank transfers."""


class PayeeWithoutBank(Conflict):
    """Payee {payee_id} has no bank account: set its IBAN and account holder."""


class PayoutFileMissing(NotFound):
    """There is no payout file {file_id}."""


class PeriodBackwards(Invalid):
    """A period ends on the day it begins or later."""


class PeriodTooLong(Invalid):
    """A statement covers at most {days} days."""


class StatementTooLong(Conflict):
    """The period has more than {limit} lines; ask for a shorter one."""
