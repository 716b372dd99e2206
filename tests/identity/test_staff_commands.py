"""`vezne staff`: how the first people get in, where no password is made for anybody."""

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from running import Running, vezne

pytestmark = pytest.mark.xdist_group("deployment")


def said(folder: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Run a command: its exit code and what it says in JSON."""
    done = vezne(folder, "staff", *arguments, "--json")
    told: dict[str, Any] = json.loads(done.stdout or done.stderr)
    return done.returncode, told


def test_somebody_is_invited_listed_and_given_a_new_link(deployment: Running) -> None:
    code, made = said(deployment.folder, "invite", "Ada@Example.org", "--name", "Ada")
    assert (code, made["email"], made["role"], made["has_password"]) == (0, "ada@example.org", "owner", False)
    assert made["link"].startswith(f"{deployment.url}/console/")
    page = httpx2.get(made["link"])
    assert (page.status_code, "ada@example.org" in page.text) == (200, True)
    code, again = said(deployment.folder, "reset", "ada@example.org")
    assert (code, again["id"], again["link"] != made["link"]) == (0, made["id"], True)
    assert httpx2.get(made["link"]).status_code == 410
    assert [each["id"] for each in said(deployment.folder, "list")[1]["data"]] == [made["id"]]
    assert said(deployment.folder, "invite", "ada@example.org")[1]["code"] == "staff_email_taken"
    assert said(deployment.folder, "invite", "no address")[1]["code"] == "email_malformed"
    assert said(deployment.folder, "invite", "b@example.org", "--role", "partner")[1]["code"] == "payee_not_named"
    assert said(deployment.folder, "reset", "nobody@example.org")[0] == 3
