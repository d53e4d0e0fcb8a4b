"""The floor: what PostgreSQL and its own load generator need to write the same rows, one statement per request.

The statements are made from the rows that one real flow left behind, so that they stay true as the schema grows: the
same columns, the same JSON, the same remembered answer; only the ids are new each time. No row-level security, no
check of a session, no price lookup, no HTTP, no Python.
"""

from __future__ import annotations

import re
import resource
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Json, set_json_loads

from benchmarks.accounting import Stopwatch, tree_cpu
from chandlery.engine.embedded_postgres import Server as Postgres

Row = dict[str, Any]
_DONE = re.compile(r"number of transactions actually processed: (\d+)")
_FAILED = re.compile(r"number of failed transactions: (\d+)")


@dataclass(frozen=True, slots=True)
class FloorResult:
    """CPU milliseconds per flow."""

    flows: int
    postgres_ms: float
    pgbench_ms: float

    @property
    def total_ms(self) -> float:
        return self.postgres_ms + self.pgbench_ms


def floor_script(connection: psycopg.Connection[Any], order_id: str) -> str:
    """A pgbench script from what the flow of this order wrote; its job must not have run yet."""
    order = _rows(connection, "orders", "id = %s", order_id)[0]
    lines = _rows(connection, "order_lines", "order_id = %s ORDER BY position", order_id)
    events = _rows(connection, "events", "subject_id = %s ORDER BY id", order_id)
    answers = _rows(
        connection, "idempotency_keys", "position(convert_to(%s, 'UTF8') IN answer) > 0", order_id
    )
    jobs = _rows(connection, "procrastinate_jobs", "args ->> 'order_id' = %s", order_id)
    if not (len(lines) == 2 and len(events) == 4 and len(answers) == len(jobs) == 1):
        found = {"lines": len(lines), "events": len(events), "answers": len(answers), "jobs": len(jobs)}
        raise RuntimeError(f"one flow should leave 2 lines, 4 events, 1 answer and 1 job, not {found}")
    statements = [_create(order, events[0])]
    for line, event in zip(lines, events[1:3], strict=True):
        prices = _rows(connection, "order_line_prices", "line_id = %s ORDER BY step", str(line["id"]))
        statements.append(_add_line(line, prices, event))
    statements += [_checkout(events[3], answers[0], jobs[0]), _READ]
    return "\n".join(re.sub(r"\s+", " ", statement).strip() for statement in statements) + "\n"


def _create(order: Row, event: Row) -> str:
    draft = {"status": "draft", "submitted_at": None, "completed_at": None, "version": 1}
    serial = {"id": _Raw("s.id"), "serial": _Raw("s.n"), "number": _Raw("'FL' || s.n"), "created_at": _NOW}
    columns, values = _columns_and_values(
        order | draft | serial | {"expires_at": _Raw("now() + interval '7 days'")}
    )
    return f"""WITH s AS (SELECT nextval('order_serials') AS n, gen_random_uuid() AS id),
        o AS (INSERT INTO orders ({columns}) SELECT {values} FROM s RETURNING id),
        e AS ({_insert_event(event, "s.id", "s")})
        SELECT id AS order_id FROM o \\gset"""


def _add_line(line: Row, prices: Sequence[Row], event: Row) -> str:
    new = {"id": _Raw("i.id"), "order_id": _ORDER, "status": "draft", "reason": None, "waiting_for": None}
    columns, values = _columns_and_values(line | new)
    price_columns = _columns_and_values(prices[0])[0]
    keys = {"order_id": _ORDER, "line_id": _Raw("i.id")}
    steps = " UNION ALL ".join(f"SELECT {_columns_and_values(price | keys)[1]} FROM i" for price in prices)
    return f"""WITH i AS (SELECT gen_random_uuid() AS id),
        l AS (INSERT INTO order_lines ({columns}) SELECT {values} FROM i),
        p AS (INSERT INTO order_line_prices ({price_columns}) {steps}),
        e AS ({_insert_event(event, ":order_id::uuid", "i")})
        UPDATE orders SET version = version + 1 WHERE id = :order_id::uuid;"""


def _checkout(event: Row, answer: Row, job: Row) -> str:
    answer_columns, answer_values = _columns_and_values(
        answer | {"key": _Raw(":order_id::text"), "created_at": _NOW}
    )
    marks = {"lock": _Raw("'floor:' || :order_id"), "queueing_lock": _Raw("'floor:' || :order_id")}
    kept = {name: job[name] for name in ("queue_name", "task_name", "priority", "args")}
    job_columns, job_values = _columns_and_values(kept | marks)
    return f"""WITH o AS (UPDATE orders SET status = 'submitted', submitted_at = now(), expires_at = NULL,
            version = version + 1 WHERE id = :order_id::uuid),
        l AS (UPDATE order_lines SET status = 'submitted', waiting_for = 'worker' WHERE order_id = :order_id::uuid),
        e AS ({_insert_event(event, ":order_id::uuid")}),
        k AS (INSERT INTO idempotency_keys ({answer_columns}) SELECT {answer_values})
        INSERT INTO procrastinate_jobs ({job_columns}) SELECT {job_values};"""


_READ = """SELECT o.*, (SELECT json_agg(l ORDER BY l.position) FROM order_lines l WHERE l.order_id = o.id),
    (SELECT json_agg(p) FROM order_line_prices p WHERE p.order_id = o.id) FROM orders o WHERE o.id = :order_id::uuid;"""


class _Raw(str):
    """SQL as it stands, among values that are to be quoted."""

    __slots__ = ()


_NOW = _Raw("now()")
_ORDER = _Raw(":order_id::uuid")


def _insert_event(event: Row, subject: str, source: str = "") -> str:
    new = {"id": _Raw("gen_random_uuid()"), "subject_id": _Raw(subject), "at": _NOW}
    columns, values = _columns_and_values({k: v for k, v in event.items() if k != "txid"} | new)
    return f"INSERT INTO events ({columns}) SELECT {values}" + (f" FROM {source}" if source else "")


def _columns_and_values(row: Mapping[str, Any]) -> tuple[str, str]:
    return ", ".join(row), ", ".join(literal(value) for value in row.values())


def literal(value: Any) -> str:
    """pgbench takes every `:word`, also in quotes, for a variable of its own; so no colon stays one."""
    if isinstance(value, _Raw):
        return str(value)
    quoted = sql.Literal(Json(value) if isinstance(value, dict | list) else value).as_string(None)
    text, cast, kind = quoted.rpartition("::") if re.search(r"::\w+$", quoted) else (quoted, "", "")
    if ":" in text:
        if not text.lstrip().startswith("E'"):
            text = "E" + text.replace("\\", "\\\\")
        text = text.replace(":", "\\x3a")
    return f"{text}{cast}{kind}"


def _rows(connection: psycopg.Connection[Any], table: str, where: str, value: str) -> list[Row]:
    set_json_loads(
        lambda text: text if isinstance(text, str) else bytes(text).decode(), connection
    )  # as it is stored
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(f"SELECT * FROM {table} WHERE {where}", (value,)).fetchall()


def run_floor(
    postgres: Postgres, postgres_pid: int, programs: Path, script: Path, seconds: int, clients: int
) -> FloorResult:
    """Run the script for so long; the jobs that it leaves behind are the caller's to remove."""
    stopwatch = Stopwatch(postgres=lambda: tree_cpu(postgres_pid), pgbench=_children_cpu)
    done = subprocess.run(
        [
            *(str(programs / "pgbench"), "--no-vacuum", "--protocol=prepared", f"--time={seconds}"),
            *(f"--client={clients}", "--jobs=1", f"--file={script}", postgres.owner_url("chandlery")),
        ],
        check=False,
        capture_output=True,
        text=True,
        timeout=seconds + 60,
    )
    used = stopwatch.lap()
    found, failed = _DONE.search(done.stdout), _FAILED.search(done.stdout)
    if done.returncode or found is None or (failed and int(failed[1])):
        raise RuntimeError(f"pgbench failed:\n{done.stdout}\n{done.stderr}")
    flows = int(found[1])
    return FloorResult(flows, 1000 * used["postgres"] / flows, 1000 * used["pgbench"] / flows)


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
