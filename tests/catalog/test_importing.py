"""Landing price sheets: the two formats, first and again, changed, dated, tiered, and bad."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib.resources import files
from typing import Any

import psycopg
import pytest

from chandlery.catalog import errors
from chandlery.catalog.importing import ImportReport, RowError, import_prices
from chandlery.catalog.offers import PlanRef, offers
from chandlery.engine.unit_of_work import Engine, Reader
from chandlery.identity.permissions import CATALOG_READ, CATALOG_WRITE
from chandlery.kernel.actor import Actor
from chandlery.kernel.clock import FOREVER, FixedClock
from chandlery.kernel.errors import PermissionMissing
from tests.builders import Tenant, allowed
from tests.catalog.builders import PlanSpec, a_plan
from tests.conftest import NOW

MICROSOFT = (
    "ChangeIndicator ProductTitle ProductId SkuId SkuTitle Publisher SkuDescription UnitOfMeasure TermDuration"
    " BillingPlan Market Currency UnitPrice PricingTierRangeMin PricingTierRangeMax EffectiveStartDate"
    " EffectiveEndDate Tags ERP_Price Segment"
).split()
ROW = {
    "ChangeIndicator": "Unchanged", "ProductTitle": "Suite", "ProductId": "CFQ1", "SkuId": "0001", "SkuTitle": "Suite",
    "Publisher": "Microsoft Corporation", "SkuDescription": "Suite, one licence", "UnitOfMeasure": "",
    "TermDuration": "P1Y", "BillingPlan": "Monthly", "Market": "US", "Currency": "USD", "UnitPrice": "57.6",
    "PricingTierRangeMin": "", "PricingTierRangeMax": "", "EffectiveStartDate": "1/1/2026 12:00:00 AM",
    "EffectiveEndDate": "12/31/9999 11:59:59 PM", "Tags": "License", "ERP_Price": "72.00", "Segment": "Commercial",
}  # fmt: skip
LIST = "vendor,product,sku,name,unit,term,billing,currency,cost,retail".split(",")
THEN = datetime(2026, 1, 1, tzinfo=UTC)
NEXT_YEAR = datetime(2027, 1, 1, tzinfo=UTC)


def a_sheet(*changes: dict[str, str]) -> bytes:
    """A Microsoft sheet of one row per argument, each the usual row with these cells instead."""
    header = [name.replace("_", " ") for name in MICROSOFT]
    return written([header, *([{**ROW, **one}[name] for name in MICROSOFT] for one in changes)])


def a_list(*rows: str) -> bytes:
    return written([LIST, *(row.split(",") for row in rows)])


def written(rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode("utf-8-sig")


@pytest.fixture
def operator(tenant: Tenant) -> Actor:
    return allowed(tenant.operator, CATALOG_WRITE, CATALOG_READ)


async def land(engine: Engine, actor: Actor, sheet: bytes, **options: Any) -> ImportReport:
    return await import_prices(engine, actor, io.BytesIO(sheet), **options)


def counts(report: ImportReport) -> tuple[int, int, int, int]:
    return (report.added, report.changed, report.ended, report.unchanged)


def held(owner: psycopg.Connection[Any], tenant: Tenant) -> list[tuple[Any, ...]]:
    """Code, market, tier, cost, periods, from and until of every price, oldest first."""
    return owner.execute(
        "SELECT p.code, l.market, l.min_quantity, l.cost, l.periods, l.effective_from, l.effective_until"
        " FROM list_prices l JOIN plans p ON p.id = l.plan_id WHERE l.tenant_id = %s"
        " ORDER BY p.code, l.market, l.min_quantity, l.effective_from",
        (tenant.id,),
    ).fetchall()


def a_price_held(
    cost: str, since: datetime = THEN, until: datetime = FOREVER, tier: int = 1
) -> tuple[Any, ...]:
    return ("CFQ1:0001:P1Y:monthly", "US", tier, Decimal(cost), 12, since, until)


def moved(engine: Engine, now: datetime) -> Engine:
    return replace(engine, clock=FixedClock(now))


def demo(name: str) -> bytes:
    return (files("chandlery.app") / "demo_data" / name).read_bytes()


@pytest.mark.parametrize(
    ("name", "rows", "products", "plans"),
    [("microsoft-nce-price-sheet.csv", 483, 39, 160), ("multi-vendor-price-list.csv", 14, 10, 14)],
)
async def test_the_demo_sheets_land_and_land_again_unchanged(
    engine: Engine, operator: Actor, tenant: Tenant, owner: psycopg.Connection[Any],
    name: str, rows: int, products: int, plans: int,
) -> None:  # fmt: skip
    first = await land(engine, operator, demo(name))
    assert first == ImportReport(rows, added=rows, products_added=products, plans_added=plans)
    ids = "SELECT id FROM list_prices WHERE tenant_id = %s ORDER BY id"
    before = owner.execute(ids, (tenant.id,)).fetchall()
    assert await land(engine, operator, demo(name)) == ImportReport(rows, unchanged=rows)
    assert owner.execute(ids, (tenant.id,)).fetchall() == before
    (staged,) = (
        owner.execute("SELECT count(*) FROM price_staging WHERE tenant_id = %s", (tenant.id,)).fetchone()
        or ()
    )
    assert staged == 0


async def test_prices_of_the_demo_sheets_per_unit_and_billing_period(
    engine: Engine, operator: Actor, tenant: Tenant
) -> None:
    await land(engine, operator, demo("microsoft-nce-price-sheet.csv"))
    await land(engine, operator, demo("multi-vendor-price-list.csv"))
    expected = {
        ("CFQ7TTC0LH18:0001:P1M:monthly", "USD"): "5.76",
        ("CFQ7TTC0LH18:0001:P1Y:monthly", "USD"): "5.04",
        ("CFQ7TTC0LH18:0001:P1Y:annual", "USD"): "57.6",
        ("CFQ7TTC0LH18:0001:P3Y:annual", "USD"): "57.6",
        ("CFQ7TTC0LCHC:0002:P1Y:annual", "EUR"): "200.64",
        ("acr-storage-gb", "USD"): "0.018",
        ("dock-usb-c::one_time", "USD"): "112.00",
    }

    async def rate(reader: Reader, _actor: Actor, asked: tuple[str, str]) -> Decimal:
        ref = PlanRef(sku=asked[0])
        found = await reader.fetch(offers(operator.organization_id, [ref], asked[1]))
        return found.pick(ref).quote(1).charged.rate

    for asked, cost in expected.items():
        assert await engine.read(operator, rate, asked) == Decimal(cost)
    later = moved(engine, NEXT_YEAR)
    assert await later.read(operator, rate, ("CFQ7TTC0LCHC:0002:P1Y:annual", "EUR")) == Decimal("205.656")


async def test_a_changed_price_ends_the_old_one_where_the_new_one_starts(
    engine: Engine, operator: Actor, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    await land(engine, operator, a_sheet({}))
    dated = a_sheet({}, {"UnitPrice": "60", "EffectiveStartDate": "1/1/2027 12:00:00 AM"})
    assert counts(await land(engine, operator, dated)) == (0, 1, 0, 1)
    coming = [a_price_held("57.6", until=NEXT_YEAR), a_price_held("60", since=NEXT_YEAR)]
    assert held(owner, tenant) == coming
    assert counts(await land(engine, operator, dated)) == (0, 0, 0, 2)
    assert held(owner, tenant) == coming
    new_year = moved(engine, NEXT_YEAR)
    assert counts(await land(new_year, operator, dated)) == (0, 0, 0, 2)
    assert held(owner, tenant) == coming


async def test_a_price_corrected_from_its_start_changes_from_now_on_and_what_was_stays_on_record(
    engine: Engine, operator: Actor, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    await land(engine, operator, a_sheet({}))
    corrected = a_sheet({"UnitPrice": "58"})
    assert counts(await land(engine, operator, corrected)) == (0, 1, 0, 0)
    assert held(owner, tenant) == [a_price_held("57.6", until=NOW), a_price_held("58", since=NOW)]
    assert counts(await land(moved(engine, NOW + timedelta(days=1)), operator, corrected)) == (0, 0, 0, 1)


async def test_a_price_to_come_that_is_no_longer_announced_goes(
    engine: Engine, operator: Actor, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    dated = a_sheet({}, {"UnitPrice": "60", "EffectiveStartDate": "1/1/2027 12:00:00 AM"})
    await land(engine, operator, dated)
    assert counts(await land(engine, operator, a_sheet({}), complete=False)) == (0, 0, 0, 1)
    assert held(owner, tenant) == [a_price_held("57.6", until=NEXT_YEAR), a_price_held("60", since=NEXT_YEAR)]
    assert counts(await land(engine, operator, a_sheet({}))) == (0, 1, 1, 0)
    assert held(owner, tenant) == [a_price_held("57.6")]


async def test_what_a_complete_sheet_does_not_name_ends_in_its_markets_only(
    engine: Engine, operator: Actor, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    german = {"Market": "DE", "Currency": "EUR"}
    await land(engine, operator, a_sheet({}, german, {"SkuId": "0002"}))
    await land(engine, operator, a_list("acme,suite,acme-1,Acme,user,P1Y,monthly,USD,5.60,7.00"))
    assert counts(await land(engine, operator, a_sheet({}), complete=False)) == (0, 0, 0, 1)
    assert counts(await land(engine, operator, a_sheet({}))) == (0, 0, 1, 1)
    assert [(row[0], row[1], row[6]) for row in held(owner, tenant)] == [
        ("CFQ1:0001:P1Y:monthly", "DE", FOREVER),
        ("CFQ1:0001:P1Y:monthly", "US", FOREVER),
        ("CFQ1:0002:P1Y:monthly", "US", NOW),
        ("acme-1:P1Y:monthly", "", FOREVER),
    ]
    again = moved(engine, NOW + timedelta(days=1))
    assert counts(await land(again, operator, a_sheet({}, {"SkuId": "0002"}))) == (0, 1, 0, 1)


async def test_a_sheet_that_dates_the_end_of_a_price_ends_it_then(
    engine: Engine, operator: Actor, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    await land(engine, operator, a_sheet({}))
    ending = a_sheet({"EffectiveEndDate": "12/31/2026 11:59:59 PM"})
    assert counts(await land(engine, operator, ending)) == (0, 1, 0, 0)
    assert held(owner, tenant) == [a_price_held("57.6", until=NEXT_YEAR)]
    past = a_sheet({"EffectiveEndDate": "6/30/2026 11:59:59 PM"})
    assert counts(await land(engine, operator, past)) == (0, 0, 1, 1)
    assert held(owner, tenant) == [a_price_held("57.6", until=NOW)]


async def test_quantity_tiers_are_series_of_their_own(
    engine: Engine, operator: Actor, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    tiers: tuple[dict[str, str], ...] = (
        {"PricingTierRangeMin": "1", "PricingTierRangeMax": "99"},
        {"PricingTierRangeMin": "100", "UnitPrice": "48"},
    )
    assert counts(await land(engine, operator, a_sheet(*tiers))) == (2, 0, 0, 0)
    assert held(owner, tenant) == [a_price_held("57.6"), a_price_held("48", tier=100)]
    assert counts(await land(engine, operator, a_sheet(*tiers))) == (0, 0, 0, 2)


async def test_bad_rows_are_named_by_line_and_column_and_the_good_ones_land(
    engine: Engine, operator: Actor, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    sheet = a_sheet(
        {},
        {"SkuId": "0002", "UnitPrice": "1,5", "Currency": "usd"},
        {"SkuId": "0003", "BillingPlan": "Annual", "TermDuration": "P1M"},
        {"SkuId": "0004", "EffectiveStartDate": "31/1/2026"},
        {"SkuId": "0005", "SkuTitle": "Two\nlines\x00"},
        {},
        {"SkuId": "0007", "PricingTierRangeMin": "9", "PricingTierRangeMax": "5"},
        {"SkuId": "0008", "EffectiveEndDate": "12/31/2025 11:59:59 PM"},
    )
    report = await land(engine, operator, sheet + b"too,short\r\n")
    assert (report.rows, report.bad_rows, report.added) == (9, 8, 1)
    assert [(error.line, error.column) for error in report.errors] == [
        (3, "Currency"), (3, "UnitPrice"), (4, "BillingPlan"), (5, "EffectiveStartDate"), (6, "SkuTitle"),
        (8, "(row)"), (9, "PricingTierRangeMax"), (10, "EffectiveEndDate"), (11, "(row)"),
    ]  # fmt: skip
    assert report.errors[5] == RowError(
        8, "(row)", "is for the same plan, market, currency, tier and start as line 2"
    )
    assert held(owner, tenant) == [a_price_held("57.6")]


async def test_strict_lands_nothing_when_a_row_is_bad(
    engine: Engine, operator: Actor, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    for bad in ({"SkuId": "0002", "UnitPrice": "free"}, {}):
        report = await land(engine, operator, a_sheet({}, bad), strict=True)
        assert (report.rows, report.bad_rows, counts(report)) == (2, 1, (0, 0, 0, 0))
    assert held(owner, tenant) == []
    left = owner.execute("SELECT count(*) FROM price_staging WHERE tenant_id = %s", (tenant.id,)).fetchone()
    assert left == (0,)
    assert owner.execute("SELECT count(*) FROM events WHERE tenant_id = %s", (tenant.id,)).fetchone() == (0,)


async def test_a_bad_row_ends_no_price(engine: Engine, operator: Actor) -> None:
    await land(engine, operator, a_sheet({}, {"SkuId": "0002"}))
    mistyped = a_sheet({}, {"SkuId": "0002", "UnitPrice": "57.6 USD"})
    assert counts(await land(engine, operator, mistyped)) == (0, 0, 0, 1)


async def test_a_sku_stays_with_its_product(engine: Engine, operator: Actor) -> None:
    await land(engine, operator, a_list("acme,suite,one,One,user,P1Y,monthly,USD,5.60,7.00"))
    moved_sku = a_list(
        "acme,other,one,One,user,P1Y,monthly,USD,5.60,7.00",
        "acme,suite,two,Two,user,P1Y,monthly,USD,5.60,7.00",
        "rival,suite,two,Two,user,P1Y,annual,USD,56,70",
    )
    report = await land(engine, operator, moved_sku)
    assert [(error.line, error.message) for error in report.errors] == [
        (2, "gives this SKU to another product than it has in the catalogue"),
        (4, "gives this SKU to another product than it has in line 3"),
    ]
    assert counts(report) == (1, 0, 0, 0)


async def test_a_list_without_dates_holds_from_its_import_on(
    engine: Engine, operator: Actor, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    await land(engine, operator, a_list("acme,suite,one,One,user,P1Y,monthly,USD,5.60,7.00"))
    tomorrow = NOW + timedelta(days=1)
    dearer = a_list("acme,suite,one,One,user,P1Y,monthly,USD,6.00,7.00")
    assert counts(await land(moved(engine, tomorrow), operator, dearer)) == (0, 1, 0, 0)
    assert [row[3:] for row in held(owner, tenant)] == [
        (Decimal("5.60"), 1, NOW, tomorrow),
        (Decimal("6.00"), 1, tomorrow, FOREVER),
    ]


async def test_an_import_is_an_event_with_its_counts(
    engine: Engine, operator: Actor, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    await land(engine, operator, a_sheet({}))
    events = owner.execute("SELECT type, data FROM events WHERE tenant_id = %s", (tenant.id,)).fetchall()
    told = {"rows": 1, "added": 1, "changed": 0, "ended": 0, "unchanged": 0, "bad_rows": 0}
    assert events == [("catalog.imported", {**told, "products_added": 1, "plans_added": 1})]


async def test_progress_is_told_up_to_the_last_row(engine: Engine, operator: Actor) -> None:
    told: list[tuple[int, int | None]] = []
    sheet = a_sheet(*({"SkuId": f"{number:04}"} for number in range(1200)))
    await land(engine, operator, sheet, on_progress=lambda done, total: told.append((done, total)))
    assert told == [(500, 1200), (1000, 1200), (1200, 1200)]


@pytest.mark.parametrize(
    ("sheet", "options"),
    [
        (b"", {}),
        (b"a,b\r\n1,2\r\n", {}),
        (a_list(), {"format_name": "microsoft-nce"}),
        (a_list(), {"format_name": "unheard-of"}),
        (a_list("acme,suite,one,One,user,P1Y,monthly,USD,5.60,7.00") + b"\xff\xfe", {}),
        (a_list() + b'"' + b"x" * 200_000, {}),
    ],
)
async def test_what_is_no_price_sheet_is_refused(
    engine: Engine, operator: Actor, sheet: bytes, options: dict[str, Any]
) -> None:
    with pytest.raises(errors.SheetUnreadable):
        await land(engine, operator, sheet, **options)


async def test_only_the_operator_imports(
    engine: Engine, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    a_plan(owner, tenant, PlanSpec())
    with pytest.raises(errors.NotTheOperator):
        await land(engine, allowed(tenant.reseller, CATALOG_WRITE), a_sheet({}))
    with pytest.raises(PermissionMissing):
        await land(engine, allowed(tenant.operator, CATALOG_READ), a_sheet({}))
