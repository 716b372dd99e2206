"""Fixtures of the tests of mail."""

from mail_fixtures import mail_server, post_office

__all__ = ["mail_server", "post_office"]
