"""Why a wallet says no."""

from vezne.kernel.errors import Conflict, Invalid, NotFound


class WalletMissing(NotFound):
    """There is no wallet {wallet_id}."""


class HoldMissing(NotFound):
    """There is no hold {hold_id}."""


class TransactionMissing(NotFound):
    """There is no transaction {transaction_id}."""


class InsufficientFunds(Conflict):
    """Wallet {wallet_id} can give {available_minor} {currency} (minor units), less than {amount_minor}."""


class CreditsInsufficient(InsufficientFunds):
    """Wallet {wallet_id} can give {available_minor} {currency}, less than {amount_minor}."""

    documented_code = "PAY001"


class CreditLimitExceeded(Conflict):
    """Wallet {wallet_id} may hold at most {limit_minor} {currency}; with {amount_minor} more it would hold {balance_minor}."""

    documented_code = "PAY006"


class WalletFrozen(Conflict):
    """Wallet {wallet_id} is frozen."""


class WalletClosed(Conflict):
    """Wallet {wallet_id} is closed."""


class WalletNotEmpty(Conflict):
    """Wallet {wallet_id} still has a balance of {balance_minor} or holds of {held_minor}; only an empty wallet can be closed."""


class WalletFull(Conflict):
    """Wallet {wallet_id} would hold more than 2^53 - 1 minor units."""


class AmountNotPositive(Invalid):
    """An amount is at least one minor unit."""


class WalletCurrencyDiffers(Invalid):
    """Wallet {wallet_id} holds {expected}, not {currency}."""


class SameWallet(Invalid):
    """A transfer goes from one wallet to another."""


class WalletsDiffer(Invalid):
    """A transfer goes between wallets of the same kind and currency."""


class KindNotTransferable(Invalid):
    """What is in a wallet of kind {kind} cannot be transferred."""


class TransferToOtherCustomer(Invalid):
    """{kind} cannot pass from one customer to another."""


class DestinationUnclear(Invalid):
    """Name the wallet that receives, by its id or by its label."""


class KindKeepsNoLots(Invalid):
    """A wallet of kind {kind} keeps no lots: a credit to it has no type, origin or expiry."""


class LotLapsedAlready(Invalid):
    """A lot that lapses at {expires_at} could never be spent."""


class ReferenceNeeded(Invalid):
    """A move that may happen only once needs a reference to tell it by."""


class TransactionLimitExceeded(Conflict):
    """Wallet {wallet_id} may spend at most {limit_minor} {currency} (minor units) at once."""


class DailyAmountExceeded(Conflict):
    """Wallet {wallet_id} may spend at most {limit_minor} {currency} (minor units) a day, and has spent {spent_minor} today."""


class DailyTransactionsExceeded(Conflict):
    """Wallet {wallet_id} may spend at most {limit} times a day."""


class HoldEnded(Conflict):
    """Hold {hold_id} is {status}."""


class CaptureTooLarge(Conflict):
    """Hold {hold_id} holds {remaining_minor}, less than {amount_minor}."""


class ExpiryNotAhead(Invalid):
    """A hold ends in the future, at most {days} days ahead."""


class TransactionNotRefundable(Conflict):
    """Transaction {transaction_id} is no debit that can be refunded."""


class RefundExceedsTransaction(Conflict):
    """Of transaction {transaction_id}, {refundable_minor} can still be refunded, less than {amount_minor}."""


class TransactionNotRevocable(Conflict):
    """Transaction {transaction_id} is no credit that can be taken back."""


class GrantConflicts(Conflict):
    """Row {reference} was imported before with another customer, kind, currency or amount."""
