"""Fixtures of the tests of mail."""

pytest_plugins = ["mail_fixtures"]
