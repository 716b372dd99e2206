"""What every slice stands on: money, transactions, errors, identifiers, time, the HTTP edge and the pages.

Kernel modules are imported by name (`from vezne.kernel.money import Money`); this package re-exports nothing.
"""
