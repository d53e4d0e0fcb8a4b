"""Characteristics: what a plan wants to be told when it is ordered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from chandlery.catalog import browsing, editing
from chandlery.catalog.errors import CharacteristicInvalid, PlanUnknown
from chandlery.catalog.plan import Characteristic, CharacteristicKind
from chandlery.engine.unit_of_work import Unit
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import Invalid
from chandlery.kernel.ids import PlanId
from chandlery.surfaces.http.call import Call
from chandlery.surfaces.http.decoding import Body
from chandlery.surfaces.http.route import Reply


class CharacteristicBody(msgspec.Struct, kw_only=True):
    name: str
    label: str
    kind: CharacteristicKind
    required: bool
    allowed: list[str]


class NewCharacteristic(Body):
    name: Annotated[str, Meta(examples=["domain"])]
    label: Annotated[str, Meta(description="The name unless given.", examples=["Domain name"])] | None = None
    kind: CharacteristicKind = "text"
    required: bool = False
    allowed: list[str] = msgspec.field(default_factory=list)


class CharacteristicsChange(Body):
    """Each is added to the plan, or takes the place of the one with its name; others stay as they are."""

    characteristics: Annotated[list[NewCharacteristic], Meta(max_length=100)]


class CharacteristicsBody(msgspec.Struct, kw_only=True):
    plan_id: UUID
    characteristics: list[CharacteristicBody]


@dataclass(frozen=True, slots=True)
class _Define:
    plan_id: PlanId
    wanted: Sequence[NewCharacteristic]


async def define_characteristics(call: Call, body: CharacteristicsChange) -> Reply:
    plan_id = PlanId(call.id("plan_id", missing=PlanUnknown))

    def defined(found: tuple[Characteristic, ...]) -> Reply:
        shown = [characteristic_body(one) for one in found]
        return Reply(CharacteristicsBody(plan_id=plan_id, characteristics=shown))

    return await call.perform(_define_all, _Define(plan_id, body.characteristics), reply=defined)


async def _define_all(unit: Unit, actor: Actor, command: _Define) -> tuple[Characteristic, ...]:
    """All of them or none; every problem named with its place in the list."""
    plan = (await browsing.get_plan(unit, actor, browsing.GetPlan(command.plan_id))).plan
    problems = []
    for index, wanted in enumerate(command.wanted):
        define = editing.DefineCharacteristic(
            plan.product_id,
            wanted.name,
            wanted.label or wanted.name,
            wanted.kind,
            wanted.required,
            tuple(wanted.allowed),
            plan.id,
            index,
        )
        try:
            await editing.define_characteristic(unit, actor, define)
        except Invalid as error:
            problems += [replace(one, field=f"characteristics.{index}.{one.field}") for one in error.problems]
    if problems:
        raise CharacteristicInvalid(*problems)
    return (await browsing.get_plan(unit, actor, browsing.GetPlan(command.plan_id))).plan.characteristics


def characteristic_body(one: Characteristic) -> CharacteristicBody:
    return CharacteristicBody(
        name=one.name, label=one.label, kind=one.kind, required=one.required, allowed=list(one.allowed)
    )
