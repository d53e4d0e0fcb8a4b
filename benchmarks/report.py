"""What was found, as budgets, as one JSON object and as tables for people."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.budgets import Budget
from benchmarks.figures import median, percentile, rounded, spread_percent
from benchmarks.flow import STEPS, Flows
from benchmarks.measuring import FAR_PAGE, FULL_STORE, SHEET_ROWS, SMALL_STORE, Findings

_WRITES = ("create", "add_line_1", "add_line_2")
_CLOSE_READERS_MS = 50.0


def budgets(found: Findings) -> list[Budget]:
    """The table of the design, line by line."""
    rounds, costs = found.rounds, found.costs
    full = _ratios(
        len(rounds.full_flows), lambda n: _flow_ms(rounds.full_flows[n]) / _flow_ms(rounds.flows[n])
    )
    readers = median([result.meanwhile_p99_ms for result in found.imports])
    far = found.far_page_seconds / found.first_page_seconds
    return [
        Budget("round trips of a read", costs["read"].round_trips, 1),
        Budget("round trips of a write", max(costs[step].round_trips for step in _WRITES), 3),
        Budget("round trips of a checkout", costs["checkout"].round_trips, 4),
        Budget("app CPU of a read against a bare handler", _against_bare(found, "read"), 2),
        Budget(
            "app CPU of adding a line against a bare handler",
            _against_bare(found, "add_line_1", "add_line_2"),
            2,
        ),
        Budget("app CPU of a checkout against a bare handler", _against_bare(found, "checkout"), 3),
        Budget(
            "order flow against the floor, app and PostgreSQL",
            _ratios(len(rounds.flows), lambda n: _flow_ms(rounds.flows[n]) / rounds.floors[n].total_ms),
            4,
        ),
        Budget(
            "CPU ms of fulfilling one line, worker and PostgreSQL",
            median([result.worker_ms + result.postgres_ms for result in rounds.fulfilled]),
            4,
        ),
        Budget(
            f"flow CPU at {FULL_STORE:,} stored orders against {SMALL_STORE:,}",
            full,
            1.15,
        ),
        Budget(f"list page {FAR_PAGE:,} against page 1", far, 1.2),
        Budget(
            "price sheet rows imported per second",
            median([result.rows_per_second for result in found.imports]),
            10_000,
            at_least=True,
        ),
        Budget("reader's p99 in ms during an import", readers, _CLOSE_READERS_MS),
        Budget("seconds from start to ready, new data directory", median(found.starts_seconds), 4),
        Budget(
            "MiB (PSS) of one API process and one worker, idle",
            found.idle_api_mib + found.idle_worker_mib,
            200,
        ),
    ]


def as_json(found: Findings, seconds: float) -> dict[str, Any]:
    rounds = found.rounds
    flow_ms = [_flow_ms(flows) for flows in rounds.flows]
    return {
        "budgets": [budget.as_json() for budget in budgets(found)],
        "flow": {
            "flows_per_second": _middle([flows.count / flows.seconds for flows in rounds.flows]),
            "cpu_ms": {
                name: _middle([flows.cpu_ms(name) for flows in rounds.flows])
                for name in ("app", "postgres", "worker", "client")
            },
            "app_and_postgres_spread_percent": rounded(spread_percent(flow_ms)),
            "steps": {step: _step(found, step) for step in STEPS},
        },
        "floor": {
            "cpu_ms": _middle([result.total_ms for result in rounds.floors]),
            "postgres_ms": _middle([result.postgres_ms for result in rounds.floors]),
            "pgbench_ms": _middle([result.pgbench_ms for result in rounds.floors]),
        },
        "fulfilment": {
            "worker_ms_per_line": _middle([result.worker_ms for result in rounds.fulfilled]),
            "postgres_ms_per_line": _middle([result.postgres_ms for result in rounds.fulfilled]),
            "lines_per_second": _middle([result.lines_per_second for result in rounds.fulfilled]),
            "lines": sum(result.lines for result in rounds.fulfilled),
        },
        "full_store": {
            "orders": found.full_store,
            "flow_cpu_ms": _middle([_flow_ms(flows) for flows in rounds.full_flows]),
        },
        "lists": {
            "page_1_ms": rounded(1000 * found.first_page_seconds),
            f"page_{FAR_PAGE}_ms": rounded(1000 * found.far_page_seconds),
        },
        "price_sheet": {
            "rows": SHEET_ROWS,
            "rows_per_second": _middle([result.rows_per_second for result in found.imports]),
            "reader_p99_ms_quiet": _middle([result.quiet_p99_ms for result in found.imports]),
            "reader_p99_ms_meanwhile": _middle([result.meanwhile_p99_ms for result in found.imports]),
        },
        "start_seconds": _middle(found.starts_seconds),
        "pss_mib": {
            "api_idle": rounded(found.idle_api_mib),
            "worker_idle": rounded(found.idle_worker_mib),
            "api_after_load": rounded(found.busy_api_mib),
            "worker_after_load": rounded(found.busy_worker_mib),
        },
        "machine": {
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "system": platform.platform(),
        },
        "rounds": len(rounds.flows),
        "seconds": rounded(seconds),
    }


def show(found: Findings, console: Console) -> None:
    steps = Table(title="The order flow, by step", title_justify="left")
    for name in (
        "step",
        "p50 ms",
        "p99 ms",
        "app ms",
        "bare ms",
        "PostgreSQL ms",
        "round trips",
        "statements",
    ):
        steps.add_column(name, justify="left" if name == "step" else "right")
    for step in STEPS:
        one = _step(found, step)
        cells = [one[key] for key in ("p50_ms", "p99_ms", "app_ms", "bare_ms", "postgres_ms")]
        steps.add_row(step, *(str(cell) for cell in [*cells, one["round_trips"], one["statements"]]))
    console.print(steps)
    table = Table(title="Budgets", title_justify="left")
    for name in ("what", "found", "limit", ""):
        table.add_column(name, justify="left" if name in ("what", "") else "right")
    for budget in budgets(found):
        value = "not measured" if budget.value is None else f"{rounded(budget.value):,}"
        verdict = "[green]met[/]" if budget.met else "[red]not met[/]"
        limit = f"{'at least ' if budget.at_least else ''}{budget.limit:,}"
        table.add_row(budget.name, value, limit, verdict if budget.value is not None else "")
    console.print(table)


def _flow_ms(flows: Flows) -> float:
    return flows.cpu_ms("app", "postgres")


def _step(found: Findings, step: str) -> dict[str, Any]:
    """Waits as clients have them in whole flows; CPU as taken step by step."""
    rounds, cost = found.rounds, found.costs[step]
    waits = [flows.latencies[step] for flows in rounds.flows]
    return {
        "p50_ms": rounded(1000 * median([percentile(values, 50) for values in waits])),
        "p99_ms": rounded(1000 * median([percentile(values, 99) for values in waits])),
        "app_ms": _middle([flows.step_ms(step, "app") for flows in rounds.steps]),
        "postgres_ms": _middle([flows.step_ms(step, "postgres") for flows in rounds.steps]),
        "bare_ms": _middle([flows.step_ms(step, "app") for flows in rounds.bare_steps]),
        "bare_postgres_ms": _middle([flows.step_ms(step, "postgres") for flows in rounds.bare_steps]),
        "round_trips": cost.round_trips,
        "statements": cost.statements,
    }


def _against_bare(found: Findings, *steps: str) -> float | None:
    rounds = found.rounds
    return _ratios(
        len(rounds.steps),
        lambda n: (
            sum(rounds.steps[n].step_ms(step, "app") for step in steps)
            / sum(rounds.bare_steps[n].step_ms(step, "app") for step in steps)
        ),
    )


def _ratios(rounds: int, of_round: Callable[[int], float]) -> float | None:
    """The middle one of the ratios of each round: what was measured close together is compared."""
    return median([of_round(n) for n in range(rounds)]) if rounds else None


def _middle(values: Sequence[float]) -> float | None:
    return rounded(median(values)) if values else None
