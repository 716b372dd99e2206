import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from running import Running, environment, vezne
from vezne.app import cli

pytestmark = pytest.mark.xdist_group("deployment")

GRANTS = "customer,kind,currency,amount_minor,type,expires_at,reference\n"


Command = Callable[..., tuple[int, dict[str, object]]]


@pytest.fixture
def run(deployment: Running, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command on the shared deployment, in this process: its exit code and what it says in JSON."""
    for name, value in environment(deployment.folder).items():
        monkeypatch.setenv(name, value)

    def command(*arguments: str) -> tuple[int, dict[str, object]]:
        monkeypatch.setattr(sys, "argv", ["vezne", *arguments, "--json"])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return int(ended.value.code or 0), json.loads(said.out or said.err)

    return command


def test_a_tenant_is_opened_found_and_changed(run: Command) -> None:
    code, made = run("tenants", "create", "canteen", "--name", "Kantin")
    assert code == 0
    assert str(made["secret_key"]).startswith("vz_sk_test_")
    assert run("tenants", "show", "canteen")[1]["id"] == made["id"]
    changed = run("tenants", "set", "locale=tr", "--tenant", "canteen")[1]
    assert isinstance(changed["settings"], dict)
    assert changed["settings"]["locale"] == "tr"
    code, refused = run("tenants", "create", "canteen")
    assert (code, refused["code"]) == (3, "slug_taken")
    assert run("tenants", "set", "locale=klingon")[0] == 3


def test_a_key_is_made_rotated_and_revoked(run: Command) -> None:
    _, made = run("keys", "create", "--kind", "restricted", "--permission", "wallets.read", "--name", "till")
    _, new = run("keys", "rotate", str(made["id"]))
    assert new["key"] != made["key"]
    _, revoked = run("keys", "revoke", str(new["id"]))
    assert revoked["revoked_at"]
    assert run("keys", "revoke", "key_nonsense")[0] == 3


def test_a_test_clock_is_held_and_moved_and_never_goes_back(run: Command) -> None:
    run("tenants", "create", "clocked")
    assert run("clock", "hold", "2040-01-31T12:00:00+03:00", "--tenant", "clocked")[1]["held"] is True
    assert run("clock", "advance", "--days", "1", "--tenant", "clocked")[1]["now"] == "2040-02-01T09:00:00+00:00"
    code, refused = run("clock", "hold", "2039-01-01", "--tenant", "clocked")
    assert (code, refused["code"]) == (3, "clock_goes_back")


def test_an_import_names_every_wrong_line_and_grants_nothing(run: Command, tmp_path: Path) -> None:
    file = tmp_path / "wrong.csv"
    file.write_text(GRANTS + "s1,money,TRY,10.5,,,r1\ns1,money,TRY,１0,,,r2\ns1,coin,COIN,5,,,r3\ns1,coins,TRY,5,,,r4\nx,money\n")
    code, told = run("import", "grants", str(file))
    assert code == 3
    for line in (2, 3, 4, 5, 6):
        assert f"line {line}: " in str(told["detail"])


def test_an_import_that_stopped_half_way_goes_on_and_doubles_nothing(run: Command, tmp_path: Path) -> None:
    file = tmp_path / "grants.csv"
    rows = [f"c{number % 300},credits,CREDIT,{number + 1},promotional,2090-01-01,row-{number}\n" for number in range(900)]
    file.write_text(GRANTS + "".join(rows[:600]))
    assert run("import", "grants", str(file))[1]["granted"] == 600
    file.write_text(GRANTS + "".join(rows))
    _, whole = run("import", "grants", str(file))
    assert (whole["granted"], whole["granted_before"], whole["refused"]) == (300, 600, 0)
    assert run("import", "grants", str(file))[1]["granted_before"] == 900
    assert run("audit")[0] == 0


def test_a_row_that_comes_again_with_another_amount_is_refused_by_its_line(run: Command, tmp_path: Path) -> None:
    file = tmp_path / "conflict.csv"
    file.write_text(GRANTS + "d1,money,TRY,100,,,once\n")
    assert run("import", "grants", str(file))[0] == 0
    file.write_text(GRANTS + "d2,money,TRY,5,,,other\nd1,money,TRY,200,,,once\n")
    code, told = run("import", "grants", str(file))
    assert code == 1
    assert isinstance(told["refusals"], list)
    assert [refusal["line"] for refusal in told["refusals"]] == [3]


def test_a_backup_is_restored_into_another_folder_and_audited(run: Command, tmp_path: Path) -> None:
    file = tmp_path / "vezne.backup"
    assert run("backup", str(file))[0] == 0
    assert run("backup", str(file))[0] == 3
    other = tmp_path / "other"
    other.mkdir()
    restored = vezne(other, "restore", str(file), "--json")
    assert restored.returncode == 0, restored.stderr
    assert json.loads(restored.stdout)["audit"] == "clean"
    tenants = json.loads(vezne(other, "tenants", "list", "--json").stdout)["data"]
    assert "campus" in {tenant["slug"] for tenant in tenants}


def test_without_a_database_or_a_service_a_command_says_so_and_exits_with_4(tmp_path: Path) -> None:
    for command in ("audit", "demo"):
        done = vezne(tmp_path, command)
        assert done.returncode == 4, done.stderr
        assert "vezne run" in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "postgres").exists()


def test_a_wrong_setting_and_a_wrong_word_are_wrong_usage(tmp_path: Path) -> None:
    wrong = vezne(tmp_path, "audit", VEZNE_PORT="eighty")
    assert wrong.returncode == 2
    assert "PAYMENT_SERVICE_PORT" in wrong.stderr
    assert vezne(tmp_path, "adit").returncode == 2
