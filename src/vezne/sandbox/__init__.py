"""The sandbox plays another company: a payment provider with an API, hosted pages and webhooks, on loopback only."""

from vezne.sandbox.app import create_app
from vezne.sandbox.cards import CARDS, Card
from vezne.sandbox.server import run, running
from vezne.sandbox.settings import SandboxSettings

__all__ = ["CARDS", "Card", "SandboxSettings", "create_app", "run", "running"]
