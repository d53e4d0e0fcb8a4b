"""`chandlery serve` as real processes: what starts, what an operator is told, and that nothing outlives it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from chandlery.app.demo.server import ThrowAwayServer

PATIENCE_SECONDS = 30


@pytest.fixture
def server() -> Iterator[ThrowAwayServer]:
    with ThrowAwayServer() as started:
        yield started


def _until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _gone(pids: list[int]) -> Callable[[], bool]:
    return lambda: not any(map(_alive, pids))


def _one(server: ThrowAwayServer, words: str) -> int:
    (pid,) = [pid for pid, command in server.processes().items() if words in command]
    return pid


def _ready(server: ThrowAwayServer) -> httpx.Response | None:
    with suppress(httpx.HTTPError):
        return httpx.get(f"{server.base_url}/health/ready", timeout=5)
    return None


def _chandlery(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "chandlery.app.commands", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("last", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_when_the_server_ends_nothing_of_it_is_left(server: ThrowAwayServer, last: signal.Signals) -> None:
    pids = list(server.processes())
    assert len(pids) > 3, "API, worker, PostgreSQL and its processes"
    os.kill(pids[0], last)
    server.forget()
    _until(_gone(pids), "a process outlived the server")


def test_a_killed_worker_is_replaced(server: ThrowAwayServer) -> None:
    _until(lambda: any("app.worker" in command for command in server.processes().values()), "no worker")
    killed = _one(server, "app.worker")
    os.kill(killed, signal.SIGKILL)
    _until(
        lambda: any("app.worker" in c and pid != killed for pid, c in server.processes().items()),
        "the worker did not come back",
    )


def test_while_the_database_is_gone_clients_are_told_when_to_come_back(server: ThrowAwayServer) -> None:
    os.kill(_one(server, "postgres -D"), signal.SIGKILL)
    told: list[httpx.Response] = []

    def is_back() -> bool:
        answer = _ready(server)
        if answer is not None and answer.status_code != 200:
            told.append(answer)
        return answer is not None and answer.status_code == 200 and bool(server.processes())

    _until(lambda: any("postgres -D" in c for c in server.processes().values()) and is_back(), "no recovery")
    assert {answer.status_code for answer in told} <= {503}
    assert all("retry-after" in answer.headers for answer in told)


def test_a_port_or_a_data_directory_in_use_is_an_error_that_says_what_to_do(server: ThrowAwayServer) -> None:
    taken_port = _chandlery("serve", "--port", str(server.port), "--data", str(server.data / "other"))
    assert taken_port.returncode == 1
    assert "--port" in taken_port.stderr
    taken_data = _chandlery("serve", "--port", str(server.port + 1), "--data", str(server.data))
    assert taken_data.returncode == 1
    assert "choose another data directory" in taken_data.stderr
    answer = _ready(server)
    assert answer is not None
    assert answer.status_code == 200


def test_the_demo_world_is_loaded_once_and_can_be_used() -> None:
    with ThrowAwayServer(demo=True) as server:
        first = _credentials(server)
        server.stop()
        server.start()
        assert _credentials(server) == first
        native: dict[str, Any] = first["native"]
        with httpx.Client(base_url=native["base_url"], timeout=30) as client:
            token = client.post(
                "/oauth/token",
                data={"grant_type": "client_credentials"},
                auth=(native["client_id"], native["client_secret"]),
            ).json()
            client.headers["Authorization"] = f"Bearer {token['access_token']}"
            completed = client.get("/v1/orders", params={"status": "completed"}).json()["items"]
            assert len(completed) >= 3
            active = client.get("/v1/subscriptions", params={"status": "active"}).json()["items"]
            assert len(active) >= 1
            customers = client.get("/v1/organizations", params={"kind": "customer"}).json()["items"]
            assert native["customer_id"] in {customer["id"] for customer in customers}
            assert len(customers) >= 2
            assert len(client.get("/v1/products", params={"limit": 10}).json()["items"]) >= 6
            for sku in native["skus"]:
                line = {"sku": sku, "quantity": 10}
                draft = client.post(
                    "/v1/orders", json={"customer_id": native["customer_id"], "lines": [line]}
                )
                assert draft.status_code == 201, draft.text


def _credentials(server: ThrowAwayServer) -> dict[str, Any]:
    answer = _chandlery("credentials", "--json", "--data", str(server.data))
    assert answer.returncode == 0, answer.stderr
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def test_doctor_finds_nothing_wrong_with_a_server_that_runs(server: ThrowAwayServer) -> None:
    _until(
        lambda: "A worker runs" in _chandlery("doctor", "--data", str(server.data)).stdout, "no worker seen"
    )
    answer = _chandlery("doctor", "--data", str(server.data))
    assert answer.returncode == 0, answer.stdout
    assert "PostgreSQL 16" in answer.stdout


def test_doctor_says_what_to_do_where_nothing_is_set_up(tmp_path: Any) -> None:
    answer = _chandlery("doctor", "--data", str(tmp_path))
    assert answer.returncode == 1
    assert "chandlery serve" in answer.stdout


def test_settings_that_cannot_be_used_are_all_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHANDLERY_LOG_LEVEL", "loud")
    monkeypatch.setenv("CHANDLERY_PROT", "1")
    answer = _chandlery("doctor")
    assert answer.returncode == 1
    assert "CHANDLERY_LOG_LEVEL" in answer.stderr
    assert "did you mean CHANDLERY_PORT?" in answer.stderr
