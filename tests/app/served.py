"""A real `chandlery serve` in processes of its own, and a distributor on it who can sell something."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import as_file, files

import httpx

from chandlery.app.demo.server import ThrowAwayServer

SHEET = "multi-vendor-price-list.csv"


@dataclass(frozen=True, slots=True)
class Served:
    """The server, and a token of the distributor's that may do everything."""

    server: ThrowAwayServer
    token: str

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=self.server.base_url, headers={"authorization": f"Bearer {self.token}"}, timeout=60
        )


@contextmanager
def a_served_distributor() -> Iterator[Served]:
    with ThrowAwayServer() as server:
        yield Served(server, _token(server, _founded(server)))


def _founded(server: ThrowAwayServer) -> dict[str, str]:
    command = [sys.executable, "-m", "chandlery.app.commands", "found", "--name", "Harbour", "--json"]
    done = subprocess.run(
        [*command, "--data", str(server.data)], capture_output=True, text=True, timeout=60, check=True
    )
    made: dict[str, str] = json.loads(done.stdout)
    return made


def _token(server: ThrowAwayServer, made: dict[str, str]) -> str:
    reply = httpx.post(
        f"{server.base_url}/oauth/token",
        data={"grant_type": "client_credentials"},
        auth=(made["client_id"], made["client_secret"]),
    )
    token: str = reply.json()["access_token"]
    with as_file(files("chandlery.app") / "demo_data" / SHEET) as sheet:
        httpx.post(
            f"{server.base_url}/v1/price-sheets",
            content=sheet.read_bytes(),
            headers={"authorization": f"Bearer {token}", "content-type": "text/csv"},
        ).raise_for_status()
    return token
