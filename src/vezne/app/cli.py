"""The entry of the command line `vezne`: quick to load, so that `vezne run` begins to load its processes at once."""

import importlib
import sys

from vezne.app import early


def main() -> None:
    """Do what the command line asks."""
    if sys.argv[1:2] == ["run"] and "--help" not in sys.argv:
        early.begin()
    importlib.import_module("vezne.app.cli_commands").main()
