"""Fixtures of every test. PostgreSQL's are in `postgres_fixtures`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # importlib mode leaves the tests' own modules unfound

pytest_plugins = ["figures_fixtures", "postgres_fixtures", "running", "tenancy_fixtures"]
