"""What was taken down of one order is played for another."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from benchmarks.flow import STEPS
from benchmarks.tape import Fresh, Recorded, Score

PLAN, ORDER_1, ORDER_2, LINE_1, LINE_2, NEW = (UUID(int=n << 64) for n in range(1, 7))
AT = datetime(2026, 1, 2, tzinfo=UTC)


def recorded(order: UUID, line: UUID, serial: int) -> Recorded:
    number = f"SO{serial}"
    params = (
        order,
        PLAN,
        line,
        serial,
        number,
        AT,
        Jsonb({"line": str(line), "n": number}),
        f"r:{order}".encode(),
    )
    flow = Recorded(order, serial, number)
    flow.steps = {step: [[("BEGIN", None), ("INSERT", params)]] for step in STEPS}
    return flow


def played(fresh: Fresh) -> list[Any]:
    score = Score(recorded(ORDER_1, LINE_1, 7), recorded(ORDER_2, LINE_2, 8))
    ((_, nothing), (_, parts)) = score.steps["create"][0]
    assert nothing is None
    assert parts is not None
    return [part.play(fresh) for part in parts]


def test_ids_of_the_order_become_new_ones_and_all_else_stays() -> None:
    values = played(Fresh(NEW, 900))
    line = UUID(int=NEW.int + 1)
    assert values[:6] == [NEW, PLAN, line, 900, "SB900", AT]
    assert values[7] == f"r:{NEW}".encode()


def test_ids_and_numbers_inside_of_json_become_new_ones() -> None:
    value = played(Fresh(NEW, 900))[6]
    assert isinstance(value, Jsonb)
    assert value.dumps is not None
    assert value.dumps(value.obj) == f'{{"line":"{UUID(int=NEW.int + 1)}","n":"SB900"}}'.encode()
