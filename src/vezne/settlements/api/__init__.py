"""Settlements, payouts, their files and statements over HTTP."""

from vezne.settlements.api import files, payouts, settlements, statements

ROUTERS = (settlements.api, payouts.api, files.api, statements.api)
