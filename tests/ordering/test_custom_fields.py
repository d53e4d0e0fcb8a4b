from __future__ import annotations

from dataclasses import replace
from typing import Any

import psycopg
import pytest

from chandlery.catalog.offers import PlanRef
from chandlery.engine.unit_of_work import Engine, Meter
from chandlery.identity.errors import OrganizationUnknown
from chandlery.kernel.errors import PermissionMissing, VersionStale
from chandlery.kernel.page import PageRequest
from chandlery.ordering.checkout import Submit, submit
from chandlery.ordering.custom_fields import (
    ChangeField,
    FindFields,
    RemoveField,
    change_field,
    find_fields,
    get_field,
    remove_field,
)
from chandlery.ordering.drafts import (
    AddLine,
    ChangeDraft,
    ChangeLine,
    LineRequest,
    add_line,
    change_draft,
    change_line,
)
from chandlery.ordering.errors import CustomFieldTaken, CustomFieldUnknown, OrderInvalid
from chandlery.ordering.queries import get_order
from tests.ordering.builders import a_draft, a_shop, an_organization, may, some
from tests.ordering.terms import a_field, a_ruled_shop

Owner = psycopg.Connection[Any]


def codes(refused: pytest.ExceptionInfo[OrderInvalid]) -> list[tuple[str, str]]:
    return [(problem.field, problem.code) for problem in refused.value.problems]


async def test_a_field_holds_for_its_owner_and_all_below_it(engine: Engine, owner: Owner) -> None:
    shop = a_ruled_shop(owner)
    of_operator = await a_field(engine, shop.operator, "project")
    of_reseller = await a_field(engine, shop.reseller, "cost_centre")
    sibling = replace(
        an_organization(owner, shop.operator, "reseller"), permissions=shop.operator.permissions
    )
    expected = {
        shop.operator: [of_operator],
        shop.reseller: [of_operator, of_reseller],
        shop.customer: [of_operator, of_reseller],
        sibling: [of_operator],
    }
    for actor, fields in expected.items():
        assert list((await engine.read(actor, find_fields, FindFields())).items) == fields
    below = FindFields(shop.customer.organization_id)
    assert list((await engine.read(shop.operator, find_fields, below)).items) == [of_operator, of_reseller]
    with pytest.raises(CustomFieldUnknown):
        await engine.read(sibling, get_field, of_reseller.id)
    with pytest.raises(OrganizationUnknown):
        await engine.read(sibling, find_fields, below)


async def test_fields_are_listed_page_by_page_and_by_noun(engine: Engine, owner: Owner) -> None:
    shop = a_ruled_shop(owner)
    fields = [await a_field(engine, shop.operator, f"field_{index}") for index in range(3)]
    await a_field(engine, shop.operator, "of_a_line", "line")
    first = await engine.read(shop.operator, find_fields, FindFields(None, "order", PageRequest(2)))
    assert list(first.items) == fields[:2]
    assert first.next_cursor is not None


async def test_a_name_is_taken_by_those_above_and_theirs_counts(engine: Engine, owner: Owner) -> None:
    shop = a_ruled_shop(owner)
    weak = await a_field(engine, shop.reseller, "project")
    strict = await a_field(engine, shop.operator, "project", required=True)
    with pytest.raises(CustomFieldTaken):
        await a_field(engine, shop.reseller, "project")
    with pytest.raises(CustomFieldTaken):
        await a_field(engine, shop.customer, "project")
    assert list((await engine.read(shop.customer, find_fields, FindFields())).items) == [strict]
    draft = await a_draft(engine, shop, some())
    with pytest.raises(OrderInvalid) as refused:
        await engine.perform(shop.reseller, submit, Submit(draft.id))
    assert codes(refused) == [("custom_fields.project", "missing")]
    await engine.perform(shop.operator, remove_field, RemoveField(strict.id))
    assert list((await engine.read(shop.customer, find_fields, FindFields())).items) == [weak]


async def test_what_those_above_define_is_read_below_and_changed_there_by_nobody(
    engine: Engine, owner: Owner
) -> None:
    shop = a_ruled_shop(owner)
    field = await a_field(engine, shop.operator, "project")
    assert await engine.read(shop.customer, get_field, field.id) == field
    with pytest.raises(CustomFieldUnknown):
        await engine.perform(shop.reseller, change_field, ChangeField(field.id, "Mine"))
    with pytest.raises(CustomFieldUnknown):
        await engine.perform(shop.reseller, remove_field, RemoveField(field.id))
    with pytest.raises(VersionStale):
        await engine.perform(shop.operator, change_field, ChangeField(field.id, "Work", expected_version=7))
    changed = (await engine.perform(shop.operator, change_field, ChangeField(field.id, "Work"))).result
    assert (changed.label, changed.version) == ("Work", 2)
    with pytest.raises(PermissionMissing):
        await a_field(engine, may(shop.operator, "custom_fields:read"), "another")


async def test_values_stand_on_the_order_and_its_lines(engine: Engine, owner: Owner) -> None:
    shop = a_ruled_shop(owner)
    await a_field(engine, shop.reseller, "project")
    await a_field(engine, shop.reseller, "floor", "line", "number")
    line = LineRequest(PlanRef(sku="suite-basic"), 2, custom_fields={"floor": 3})
    draft = await a_draft(engine, shop, line, custom_fields={"project": "Bridge"})
    await engine.perform(
        shop.customer, add_line, AddLine(draft.id, PlanRef(sku="dock"), custom_fields={"floor": 4})
    )
    order = await engine.read(shop.customer, get_order, draft.id)
    assert order.custom_fields == {"project": "Bridge"}
    assert [line.custom_fields for line in order.lines] == [{"floor": 3}, {"floor": 4}]

    change = ChangeDraft(draft.id, custom_fields={"project": None})
    assert (await engine.perform(shop.customer, change_draft, change)).result.custom_fields == {}
    move = ChangeLine(draft.id, draft.lines[0].id, custom_fields={"floor": 5})
    moved = (await engine.perform(shop.customer, change_line, move)).result
    assert moved.lines[0].custom_fields == {"floor": 5}
    assert moved.lines[0].quantity == 2
    placed = (await engine.perform(shop.reseller, submit, Submit(draft.id))).result
    assert await engine.read(shop.reseller, get_order, draft.id) == placed


async def test_every_wrong_value_of_header_and_lines_is_named_at_once(engine: Engine, owner: Owner) -> None:
    shop = a_ruled_shop(owner)
    await a_field(engine, shop.operator, "opened_on", kind="date")
    line = LineRequest(PlanRef(sku="suite-basic"), 0, custom_fields={"floor": 3})
    with pytest.raises(OrderInvalid) as refused:
        await a_draft(engine, shop, line, custom_fields={"opened_on": "soon", "colour": "red"})
    assert codes(refused) == [
        ("custom_fields.opened_on", "not_allowed"),
        ("custom_fields.colour", "unknown"),
        ("lines.0.custom_fields.floor", "unknown"),
        ("lines.0.quantity", "quantity_out_of_bounds"),
    ]
    draft = await a_draft(engine, shop, some())
    for use_case, command in (
        (change_draft, ChangeDraft(draft.id, custom_fields={"opened_on": 1})),
        (change_line, ChangeLine(draft.id, draft.lines[0].id, custom_fields={"opened_on": 1})),
        (add_line, AddLine(draft.id, PlanRef(sku="dock"), custom_fields={"opened_on": 1})),
    ):
        with pytest.raises(OrderInvalid):
            await engine.perform(shop.reseller, use_case, command)  # type: ignore[arg-type]  # each its own


async def test_what_is_required_is_missed_at_checkout_only(engine: Engine, owner: Owner) -> None:
    shop = a_ruled_shop(owner)
    await a_field(engine, shop.reseller, "project", required=True)
    await a_field(engine, shop.reseller, "floor", "line", "number", required=True)
    draft = await a_draft(engine, shop, some(), some("dock"))
    with pytest.raises(OrderInvalid) as refused:
        await engine.perform(shop.reseller, submit, Submit(draft.id), dry_run=True)
    assert codes(refused) == [
        ("custom_fields.project", "missing"),
        ("lines.0.custom_fields.floor", "missing"),
        ("lines.1.custom_fields.floor", "missing"),
    ]


async def test_a_value_that_is_allowed_no_more_is_refused_at_checkout(engine: Engine, owner: Owner) -> None:
    shop = a_ruled_shop(owner)
    field = await a_field(engine, shop.reseller, "tier", kind="choice", allowed=("gold", "silver"))
    draft = await a_draft(engine, shop, some(), custom_fields={"tier": "gold"})
    await engine.perform(shop.reseller, change_field, ChangeField(field.id, allowed=("silver",)))
    with pytest.raises(OrderInvalid) as refused:
        await engine.perform(shop.reseller, submit, Submit(draft.id))
    assert codes(refused) == [("custom_fields.tier", "not_allowed")]
    await engine.perform(shop.reseller, remove_field, RemoveField(field.id))
    placed = (await engine.perform(shop.reseller, submit, Submit(draft.id))).result
    assert placed.custom_fields == {"tier": "gold"}


async def test_a_read_only_value_is_set_by_those_who_defined_it(engine: Engine, owner: Owner) -> None:
    shop = a_ruled_shop(owner)
    await a_field(engine, shop.reseller, "price_book", read_only=True)
    draft = await a_draft(engine, shop, some(), custom_fields={"price_book": "B"})
    change = ChangeDraft(draft.id, custom_fields={"price_book": "A"})
    with pytest.raises(OrderInvalid) as refused:
        await engine.perform(shop.customer, change_draft, change)
    assert codes(refused) == [("custom_fields.price_book", "read_only")]


async def test_custom_fields_cost_no_round_trip_of_their_own(
    engine: Engine, owner: Owner, meters: list[Meter]
) -> None:
    shop = a_ruled_shop(owner)
    await a_field(engine, shop.reseller, "project")
    draft = await a_draft(engine, shop, some(), custom_fields={"project": "Bridge"})
    assert meters[-1].round_trips == 3
    change = ChangeDraft(draft.id, custom_fields={"project": "Tunnel"})
    await engine.perform(shop.reseller, change_draft, change)
    assert meters[-1].round_trips == 2
    await engine.perform(shop.reseller, submit, Submit(draft.id))
    assert meters[-1].round_trips == 3


async def test_where_nobody_defines_anything_no_value_can_be_given(engine: Engine, owner: Owner) -> None:
    shop = a_shop(owner)
    with pytest.raises(OrderInvalid) as refused:
        await a_draft(engine, shop, custom_fields={"project": "Bridge"})
    assert codes(refused) == [("custom_fields.project", "unknown")]
