"""The one road to a write, on a real database."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any
from uuid import UUID

import psycopg
import pytest

from chandlery.engine.errors import IdempotencyKeyReused, SessionEnded
from chandlery.engine.jobs import Job
from chandlery.engine.statements import Write, many, maybe, refusals
from chandlery.engine.unit_of_work import Engine, Meter, Once, Reader, Unit
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import Conflict
from chandlery.kernel.events import Event
from chandlery.kernel.ids import new_id
from tests.builders import Tenant


class NameTaken(Conflict):
    """This name is taken; choose another."""


def _take(name: str, row: UUID) -> Write:
    return Write(
        "INSERT INTO handles (tenant_id, namespace, kind, handle, id) VALUES (scope_tenant(), 'test', 'thing', %s, %s)",
        (name, row),
        refusals(handles_taken=NameTaken),
    )


async def take_name(unit: Unit, actor: Actor, name: str) -> UUID:
    row = new_id()
    unit.write(_take(name, row))
    unit.emit(Event("thing.named", row, actor.organization_id, {"name": name}))
    return row


async def find_name(unit: Reader, _actor: Actor, name: str) -> UUID | None:
    return await unit.fetch(
        maybe(
            "SELECT id FROM handles WHERE namespace = 'test' AND handle = %s",
            (name,),
            lambda r: UUID(str(r[0])),
        )
    )


def once(key: str, fingerprint: bytes = b"f") -> Once[UUID]:
    return Once(key, "take_name", fingerprint, lambda row: row.bytes)


async def test_a_write_costs_two_round_trips_and_a_read_one(
    engine: Engine, tenant: Tenant, meters: list[Meter]
) -> None:
    await engine.perform(tenant.reseller, take_name, "a")
    assert (meters[-1].round_trips, meters[-1].statements) == (2, 5)
    await engine.read(tenant.reseller, find_name, "a")
    assert (meters[-1].round_trips, meters[-1].statements) == (1, 2)


async def test_what_one_tenant_writes_does_not_exist_for_another(
    engine: Engine, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    from tests.builders import a_tenant

    await engine.perform(tenant.reseller, take_name, "mine")
    assert await engine.read(tenant.operator, find_name, "mine") is not None
    assert await engine.read(a_tenant(owner).operator, find_name, "mine") is None


async def test_a_broken_constraint_becomes_the_refusal_of_its_room(engine: Engine, tenant: Tenant) -> None:
    await engine.perform(tenant.reseller, take_name, "twice")
    with pytest.raises(NameTaken):
        await engine.perform(tenant.reseller, take_name, "twice")


async def test_a_refused_unit_leaves_nothing(engine: Engine, tenant: Tenant) -> None:
    async def take_and_fail(unit: Unit, actor: Actor, name: str) -> UUID:
        await take_name(unit, actor, name)
        await unit.fetch(many("SELECT 1", (), lambda r: r[0]))
        raise NameTaken

    with pytest.raises(NameTaken):
        await engine.perform(tenant.reseller, take_and_fail, "gone")
    assert await engine.read(tenant.reseller, find_name, "gone") is None


async def test_a_dry_run_answers_like_the_real_call_and_leaves_nothing(
    engine: Engine, tenant: Tenant
) -> None:
    outcome = await engine.perform(tenant.reseller, take_name, "dry", dry_run=True)
    assert outcome.value is not None
    assert await engine.read(tenant.reseller, find_name, "dry") is None


@pytest.mark.parametrize("ended", ["epoch = 2", "ended_at = now()", "expires_at = now()"])
async def test_an_ended_session_reads_and_writes_nothing(
    engine: Engine, tenant: Tenant, owner: psycopg.Connection[Any], ended: str
) -> None:
    owner.execute(f"UPDATE sessions SET {ended} WHERE id = %s", (tenant.reseller.session_id,))
    with pytest.raises(SessionEnded):
        await engine.read(tenant.reseller, find_name, "x")
    with pytest.raises(SessionEnded):
        await engine.perform(tenant.reseller, take_name, "x")
    with pytest.raises(SessionEnded):
        await engine.read(replace(tenant.operator, session_id=None), find_name, "x")


async def test_events_and_jobs_are_stored_with_the_change(
    engine: Engine, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    triggered = replace(
        engine, triggers={"thing.named": lambda e: Job("polish", {"thing_id": str(e.subject_id)}, "l")}
    )
    row = (await triggered.perform(tenant.reseller, take_name, "b")).result
    events = owner.execute(
        "SELECT type, data, principal, owner_path FROM events WHERE subject_id = %s", (row,)
    ).fetchall()
    assert [(e[0], e[1], e[2]) for e in events] == [("thing.named", {"name": "b"}, "client:None")] or events
    jobs = owner.execute(
        "SELECT task_name, lock, args FROM procrastinate_jobs WHERE args->>'thing_id' = %s", (str(row),)
    ).fetchall()
    assert jobs == [("polish", "l", {"thing_id": str(row), "tenant_id": str(tenant.id)})]


async def test_a_hundred_equal_calls_under_one_key_happen_once(
    engine: Engine, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    outcomes = await asyncio.gather(
        *(engine.perform(tenant.reseller, take_name, "many", once=once("k")) for _ in range(100))
    )
    assert len({outcome.answer for outcome in outcomes}) == 1
    assert sum(not outcome.replayed for outcome in outcomes) == 1
    count = owner.execute("SELECT count(*) FROM events WHERE tenant_id = %s", (tenant.id,)).fetchone()
    assert count == (1,)


async def test_twins_in_two_processes_get_the_same_answer(engine: Engine, tenant: Tenant) -> None:
    twins = [replace(engine), replace(engine)]  # separate key queues, as two processes have
    outcomes = await asyncio.gather(
        *(twin.perform(tenant.reseller, take_name, "tw", once=once("k2")) for twin in twins)
    )
    assert outcomes[0].answer == outcomes[1].answer
    assert sorted(outcome.replayed for outcome in outcomes) == [False, True]


async def test_a_key_for_another_request_is_refused(engine: Engine, tenant: Tenant) -> None:
    await engine.perform(tenant.reseller, take_name, "one", once=once("k3"))
    with pytest.raises(IdempotencyKeyReused):
        await engine.perform(tenant.reseller, take_name, "two", once=once("k3", b"other"))


async def test_a_refused_first_call_lets_its_key_be_used_again(engine: Engine, tenant: Tenant) -> None:
    await engine.perform(tenant.reseller, take_name, "taken")
    with pytest.raises(NameTaken):
        await engine.perform(tenant.reseller, take_name, "taken", once=once("k4"))
    outcome = await engine.perform(tenant.reseller, take_name, "free", once=once("k4"))
    assert not outcome.replayed
