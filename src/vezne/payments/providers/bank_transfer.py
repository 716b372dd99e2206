"""Bank transfer: promised now, days on its way (the tenant's `transfer_days`), and confirmed by whoever sees it arrive."""

from vezne.payments.providers.offline import Offline

NAME = "bank_transfer"


class BankTransfer(Offline):
    """The tenant's bank account."""

    name = NAME
