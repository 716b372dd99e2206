import json
import signal
from pathlib import Path

import httpx2
import psutil
import pytest

from running import Running, running, vezne, wait_for
from vezne.app.cli_demo import StoryName
from vezne.app.demos import STORIES

pytestmark = [pytest.mark.faults, pytest.mark.xdist_group("deployment")]


def test_a_second_start_is_ready_with_the_same_tenant_and_everything_stops_with_it(tmp_path: Path) -> None:
    with running(tmp_path) as first:
        tenant, key = first.ready["tenant"], first.ready["secret_key"]
        assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600
        assert (tmp_path / "demo-tenant.json").stat().st_mode & 0o777 == 0o600
        children = first.processes()
        first.stop()
        assert first.process.returncode == 0
        wait_for(lambda: not any(child.is_running() for child in children), 2, "children end with it")
        assert not (tmp_path / "connection.json").exists()
    with running(tmp_path) as second:
        print(f"second start: ready in {second.ready['ready_in_seconds']} s")
        assert (second.ready["tenant"], second.ready["secret_key"]) == (tenant, key)


def test_the_demo_tells_the_whole_story(deployment: Running) -> None:
    told = vezne(deployment.folder, "demo", "--json")
    assert told.returncode == 0, told.stderr
    steps = json.loads(told.stdout)["steps"]
    balances = [step["balance_minor"] for step in steps if "balance_minor" in step]
    assert balances == [0, 10000, 5450, 6500, 3500, 2300, 2300]
    assert steps[-1]["findings"] == []


@pytest.mark.parametrize("story", ["tickets", "storage", "coins", "credits"])
def test_the_other_stories_play_twice_and_leave_the_settings_as_they_were(deployment: Running, story: str) -> None:
    tenant = f"{deployment.url}/v1/tenant"
    before = httpx2.get(tenant, headers=deployment.headers).json()["settings"]
    for _ in range(2):
        told = vezne(deployment.folder, "demo", story, "--json")
        assert told.returncode == 0, told.stderr
        assert json.loads(told.stdout)["steps"][-1]["findings"] == []
    assert httpx2.get(tenant, headers=deployment.headers).json()["settings"] == before


@pytest.mark.unit
def test_every_story_can_be_asked_for_by_name() -> None:
    assert {name.value for name in StoryName} == STORIES.keys()


def test_each_killed_process_is_back_and_the_story_still_holds(deployment: Running) -> None:
    for victim in deployment.forked():
        victim.kill()
        wait_for(lambda: len(deployment.forked()) == 4 and deployment.is_ready(), 10, "the killed process is back")
    assert vezne(deployment.folder, "demo", "--json").returncode == 0


def test_a_killed_nursery_is_replaced_with_all_its_children(deployment: Running) -> None:
    old = {one.pid for one in deployment.forked()}
    deployment.nursery().kill()

    def replaced() -> bool:
        try:
            new = {one.pid for one in deployment.forked()}
        except (StopIteration, psutil.NoSuchProcess):
            return False
        return len(new) == 4 and not new & old and deployment.is_ready()

    wait_for(replaced, 30, "a new nursery with new children")
    assert vezne(deployment.folder, "demo", "--json").returncode == 0


def test_a_killed_database_is_answered_503_and_comes_back_by_itself(deployment: Running) -> None:
    path = f"{deployment.url}/v1/ledger/trial-balance"
    before = httpx2.get(path, headers=deployment.headers).json()
    statuses: set[int] = set()
    deployment.postgres().send_signal(signal.SIGKILL)

    def answered() -> bool:
        response = httpx2.get(path, headers=deployment.headers, timeout=10)
        statuses.add(response.status_code)
        if response.status_code == 503:
            assert response.headers["Retry-After"]
        return response.status_code == 200

    wait_for(answered, 20, "the database is back")
    assert statuses <= {200, 503}
    assert httpx2.get(path, headers=deployment.headers).json() == before
    wait_for(deployment.is_ready, 10, "every process is ready again")
    assert vezne(deployment.folder, "demo", "--json").returncode == 0


def test_killing_run_itself_takes_everything_with_it_and_loses_nothing(tmp_path: Path) -> None:
    with running(tmp_path) as first:
        customer = httpx2.post(f"{first.url}/v1/customers", headers=first.headers, json={"reference": "kept"}).json()
        children = first.processes()
        first.process.kill()
        first.process.wait()
        wait_for(lambda: not any(_runs(child) for child in children), 20, "nothing outlives it")
    with running(tmp_path) as second:
        assert httpx2.get(f"{second.url}/v1/customers/{customer['id']}", headers=second.headers).json() == customer


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_taken_port_is_told_in_one_line(deployment: Running) -> None:
    port = deployment.url.rpartition(":")[2]
    refused = vezne(deployment.folder, "run", "--port", port)
    assert refused.returncode == 4
    assert len(refused.stderr.strip().splitlines()) == 1
    assert port in refused.stderr


def test_the_data_folder_of_a_running_service_is_not_run_twice(deployment: Running) -> None:
    refused = vezne(deployment.folder, "run", "--port", "0")
    assert refused.returncode == 4, refused.stderr
    assert "Traceback" not in refused.stderr
    assert deployment.is_ready()
