"""Prices: vendors' price sheets in, and how a figure came about out."""

from __future__ import annotations

import io
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from chandlery.catalog import explain as explaining
from chandlery.catalog.importing import ImportReport, import_prices
from chandlery.catalog.offers import PlanRef
from chandlery.kernel.errors import Invalid, Problem
from chandlery.kernel.ids import OrganizationId, PlanId
from chandlery.ordering.drafts import DEFAULT_CURRENCY
from chandlery.surfaces.http.call import Call
from chandlery.surfaces.http.decoding import Body, Moment
from chandlery.surfaces.http.route import Reply
from chandlery.surfaces.native.fields import Currency, Id, Quantity, Sku
from chandlery.surfaces.native.price_rules import PriceRuleBody, price_rule_body
from chandlery.surfaces.native.wiring import wired

MAX_SHEET_BYTES = 64 * 1024 * 1024
_FORMATS = {"microsoft": "microsoft-nce", "multi-vendor": "multi-vendor"}


class SheetRefused(Invalid):
    """Some rows of the price sheet cannot be read, so nothing landed; correct those listed or leave strict out."""


class SheetQuery(Body):
    format: (
        Annotated[
            Literal["microsoft", "multi-vendor"], Meta(description="Recognised by the header unless given.")
        ]
        | None
    ) = None
    strict: Annotated[bool, Meta(description="Let nothing land when any row is bad.")] = False
    complete: Annotated[bool, Meta(description="End the prices that this sheet no longer names.")] = True


class RowProblem(msgspec.Struct, kw_only=True):
    """Where in the sheet, and what to write there."""

    line: int
    column: str
    message: str


class SheetReport(msgspec.Struct, kw_only=True):
    """What became of the rows; of the bad ones the first thousand problems are listed."""

    format: str | None
    rows: int
    added: int
    changed: int
    ended: int
    unchanged: int
    bad_rows: int
    products_added: int
    plans_added: int
    errors: list[RowProblem]


class ExplainQuery(Body):
    """The price of a plan, named by `sku` or `plan_id`, for one of your customers; for yourself unless one is given."""

    customer_id: Id | None = None
    sku: Sku | None = None
    plan_id: Id | None = None
    quantity: Quantity = 1
    currency: Currency = DEFAULT_CURRENCY
    at: Annotated[Moment, Meta(description="Now unless given.")] | None = None


class ExplainedStep(msgspec.Struct, kw_only=True):
    """`buy` is what you pay, `sell` what you ask; `because` says it in words, `rule` is the price rule behind it."""

    side: Literal["buy", "sell"]
    issuer_id: UUID | None
    recipient_id: UUID
    rate: Decimal
    amount_minor: int
    rule: PriceRuleBody | None
    because: str


class ExplanationBody(msgspec.Struct, kw_only=True):
    plan_id: UUID
    plan_code: str
    sku: str
    quantity: int
    currency: str
    at: datetime
    steps: list[ExplainedStep]


async def import_price_sheet(call: Call, body: bytes) -> Reply:
    query: SheetQuery = call.query
    report = await import_prices(
        wired(call).engine,
        call.actor,
        io.BytesIO(body),
        _FORMATS[query.format] if query.format else None,
        strict=query.strict,
        complete=query.complete,
    )
    if query.strict and report.bad_rows:
        raise SheetRefused(
            *(Problem(f"line {one.line}, {one.column}", one.message, "row") for one in report.errors)
        )
    return Reply(_report(report, query.format))


async def explain_price(call: Call) -> Reply:
    query: ExplainQuery = call.query
    command = explaining.Explain(
        PlanRef(PlanId(query.plan_id) if query.plan_id else None, query.sku),
        query.currency,
        OrganizationId(query.customer_id) if query.customer_id else None,
        query.quantity,
        query.at,
    )
    return Reply(_explanation(await call.read(explaining.explain, command)))


def _report(report: ImportReport, format_name: str | None) -> SheetReport:
    return SheetReport(
        format=format_name,
        rows=report.rows,
        added=report.added,
        changed=report.changed,
        ended=report.ended,
        unchanged=report.unchanged,
        bad_rows=report.bad_rows,
        products_added=report.products_added,
        plans_added=report.plans_added,
        errors=[RowProblem(line=one.line, column=one.column, message=one.message) for one in report.errors],
    )


def _explanation(found: explaining.Explanation) -> ExplanationBody:
    return ExplanationBody(
        plan_id=found.plan.id,
        plan_code=found.plan.code,
        sku=found.plan.sku_code,
        quantity=found.quantity,
        currency=found.currency,
        at=found.at,
        steps=[_step(step) for step in found.steps],
    )


def _step(step: explaining.ExplainedStep) -> ExplainedStep:
    return ExplainedStep(
        side=step.side,
        issuer_id=step.issuer_id,
        recipient_id=step.recipient_id,
        rate=step.rate,
        amount_minor=step.amount.minor,
        rule=None if step.rule is None else price_rule_body(step.rule),
        because=step.because,
    )
