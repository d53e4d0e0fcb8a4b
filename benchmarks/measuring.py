"""The whole measurement, from the first start to the last page."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.accounting import pss_mib
from benchmarks.bare import Cost
from benchmarks.floor import floor_script
from benchmarks.flow import run_flows
from benchmarks.rounds import Rounds, Size, bare_handlers, fulfil, run_full_round, run_round
from benchmarks.servers import Server
from benchmarks.side import ImportResult, import_beside_reader, page_waits
from benchmarks.stored import fill_to
from benchmarks.world import World, found_world

FULL, QUICK = Size(5, 4.0, 3, 300), Size(2, 2.0, 2, 120)
SMALL_STORE, FULL_STORE = 10_000, 1_000_000
SHEET_ROWS = 50_000
FAR_PAGE = 1_000
_STARTS = 3
_SETTLE_SECONDS = 3.0
_WARM_SECONDS = 2.0

Say = Callable[[str], None]


@dataclass(slots=True)
class Findings:
    """All that was measured."""

    rounds: Rounds = field(default_factory=Rounds)
    costs: dict[str, Cost] = field(default_factory=dict)
    starts_seconds: list[float] = field(default_factory=list)
    idle_api_mib: float = 0.0
    idle_worker_mib: float = 0.0
    busy_api_mib: float = 0.0
    busy_worker_mib: float = 0.0
    imports: list[ImportResult] = field(default_factory=list)
    first_page_seconds: float = 0.0
    far_page_seconds: float = 0.0
    full_store: int | None = None
    fill_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A server's tenant, an order in it, and the script that writes the rows of that order."""

    world: World
    order_id: str
    floor_script: str


def measure(size: Size, *, quick: bool, say: Say) -> Findings:
    """Everything; `quick` leaves out the full order book and is short in all else."""
    found = Findings()
    for number in range(1, _STARTS):
        say(f"start {number} of {_STARTS} on a new data directory")
        with Server() as server:
            found.starts_seconds.append(server.ready_after_seconds)
    with ExitStack() as stack:
        server = stack.enter_context(Server())
        found.starts_seconds.append(server.ready_after_seconds)
        time.sleep(_SETTLE_SECONDS)
        found.idle_api_mib, found.idle_worker_mib = pss_mib(server.pid), pss_mib(server.worker_pid)
        prepared = _prepare(server, SMALL_STORE, say)
        world = prepared.world
        script = (
            Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chandlery-floor-"))) / "floor.sql"
        )
        script.write_text(prepared.floor_script)
        bare = stack.enter_context(bare_handlers(server, world))
        found.costs = bare.costs
        full = None if quick else stack.enter_context(Server())
        full_target = None
        if full is not None:
            started = time.perf_counter()
            full_target = _prepare(full, FULL_STORE, say).world.target(full.port)
            found.full_store, found.fill_seconds = FULL_STORE, time.perf_counter() - started
        for number in range(1, size.rounds + 1):
            say(f"round {number} of {size.rounds}: bare handlers, steps, floor, flows, fulfilment")
            run_round(found.rounds, size, server, world, bare, script)
            if full is not None and full_target is not None:
                run_full_round(found.rounds, size, full, full_target)
        found.busy_api_mib, found.busy_worker_mib = pss_mib(server.pid), pss_mib(server.worker_pid)
        _measure_side(found, server, world, prepared.order_id, say)
    return found


def _prepare(server: Server, orders: int, say: Say) -> _Prepared:
    """A tenant with so many stored orders, and one more of which the floor takes its rows."""
    world = found_world(server)
    target = world.target(server.port)
    with server.owner() as owner:
        warm = asyncio.run(run_flows(target, _WARM_SECONDS, server.stopwatch))
        fulfil(server, owner, warm.orders)
        say(f"loading {orders:,} orders with lines, prices and history")
        fill_to(owner, world.tenant_id, orders, warm.orders[-1])
        with server.worker_held():  # its job is one of the rows
            order_id = asyncio.run(run_flows(target, 0.2, server.stopwatch)).orders[0]
            return _Prepared(world, order_id, floor_script(owner, order_id))


def _measure_side(found: Findings, server: Server, world: World, sample: str, say: Say) -> None:
    target = world.target(server.port)
    say(f"pages 1 and {FAR_PAGE:,} of the orders")
    found.first_page_seconds, found.far_page_seconds = asyncio.run(page_waits(target, FAR_PAGE, 300))
    for number in range(1, 4):
        say(f"price sheet {number} of 3: {SHEET_ROWS:,} new plans beside a reader")
        found.imports.append(
            asyncio.run(
                import_beside_reader(target, world.operator_token, sample, SHEET_ROWS, f"sheet-{number}")
            )
        )
