"""Many requests in one call, with a result for each: a few at once, more by a job whose progress can be followed.

An operation is any write of this API that takes an Idempotency-Key. It goes the way of any other request, as the same
caller: its own permission, its own unit of work, its own answer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import unquote
from uuid import UUID

import msgspec
from msgspec import Meta

from chandlery.engine.batches import keeping
from chandlery.engine.batches.batch import MOST_OPERATIONS, Answer, Batch, BatchId, Operation, Result
from chandlery.engine.batches.carrying import Carry
from chandlery.engine.batches.errors import BatchUnknown
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import Invalid
from chandlery.surfaces.http.call import Call, Inner, Rendered
from chandlery.surfaces.http.decoding import Body
from chandlery.surfaces.http.head import Head
from chandlery.surfaces.http.route import Reply, Route
from chandlery.surfaces.native.dialect import PageQuery, page_reply
from chandlery.surfaces.native.wiring import own_organization

MOST_AT_ONCE = 25
"""More than these are for a job."""

Method = Literal["POST", "PUT", "PATCH", "DELETE"]


class NotInBulk(Invalid):
    """This operation cannot be part of a bulk, because it takes no Idempotency-Key; send it by itself."""


class OperationBody(Body):
    """A request: `path` may have a query string, `if_match` is the version that you have seen, in quotes."""

    method: Method
    path: Annotated[str, Meta(pattern="^/", max_length=4000)]
    body: Annotated[Any, Meta(description="What that operation takes.")] = None
    idempotency_key: Annotated[str, Meta(pattern=r"^[\x20-\x7e]{1,255}$")] | None = None
    if_match: Annotated[str, Meta(max_length=100, pattern=r"^[\x20-\x7e]*$")] | None = None

    def noun(self, key: str | None) -> Operation:
        body = b"" if self.body is None else msgspec.json.encode(self.body)
        return Operation(self.method, self.path, body, self.idempotency_key or key, self.if_match)


_EXAMPLE = {"method": "POST", "path": "/v1/organizations", "body": {"kind": "customer", "name": "Bakery"}}


class Bulk(Body):
    """Carried out one after the other, in this order; what one of them is refused does not keep the next from it."""

    operations: Annotated[
        list[OperationBody], Meta(min_length=1, max_length=MOST_OPERATIONS, examples=[[_EXAMPLE]])
    ]
    background: Annotated[
        bool, Meta(description=f"As a job in any case; more than {MOST_AT_ONCE} are one anyway.")
    ] = False


class ResultBody(msgspec.Struct, kw_only=True):
    """What the operation in this place was answered; `replayed` when it had been carried out before."""

    position: int
    method: str
    path: str
    status: int
    location: str | None
    etag: str | None
    replayed: bool
    body: Any


class BulkBody(msgspec.Struct, kw_only=True):
    """How far it is. A job has an `id`; what came of its operations is a list of its own, so `results` is null."""

    id: UUID | None
    status: Literal["running", "completed"]
    total: int
    done: int
    failed: int
    created_at: datetime | None
    completed_at: datetime | None
    results: list[ResultBody] | None


class ResultsQuery(PageQuery):
    failed: Annotated[bool, Meta(description="Those alone that were refused.")] = False


async def run_bulk(call: Call, body: Bulk) -> Reply:
    if body.background or len(body.operations) > MOST_AT_ONCE:
        operations = [operation.noun(None) for operation in body.operations]
        return await call.perform(keeping.keep_batch, operations, reply=lambda kept: _kept(call, kept))
    await call.read(
        own_organization, None
    )  # a session that has ended is told so once, and not by every operation
    keys = _keys(call)
    carry = carrier(call.within, call.head.request_id)
    results = []
    for position, operation in enumerate(body.operations):
        asked = operation.noun(keys(position))
        results.append(_result(position, asked.method, asked.path, await carry(call.actor, asked)))
    failed = sum(result.status >= 400 for result in results)
    count = len(results)
    return Reply(
        BulkBody(
            id=None,
            status="completed",
            total=count,
            done=count,
            failed=failed,
            created_at=None,
            completed_at=None,
            results=results,
        )
    )


async def list_bulks(call: Call) -> Reply:
    query: PageQuery = call.query
    return page_reply(await call.read(keeping.find_batches, keeping.FindBatches(query.page())), _body)


async def get_bulk(call: Call) -> Reply:
    return Reply(_body(await call.read(keeping.get_batch, _id(call))))


async def list_bulk_results(call: Call) -> Reply:
    query: ResultsQuery = call.query
    found = await call.read(keeping.find_results, keeping.FindResults(_id(call), query.failed, query.page()))
    return page_reply(found, _result_of)


def carrier(within: Callable[[Actor, Inner], Awaitable[Rendered]], request_id: str = "") -> Carry:
    """Carries out an operation by the table of routes."""

    async def carry(actor: Actor, operation: Operation) -> Answer:
        path, _, query = operation.path.partition("?")
        headers = {b"content-type": b"application/json"} if operation.body else {}
        if operation.key is not None:
            headers[b"idempotency-key"] = operation.key.encode()
        if operation.if_match is not None:
            headers[b"if-match"] = operation.if_match.encode()
        head = Head(
            operation.method,
            unquote(path),
            query.encode("ascii", "replace"),
            headers,
            "",
            request_id or actor.request_id,
        )
        status, sent, body = await within(actor, Inner(head, operation.body or b"", _must_be_possible))
        found = dict(sent)
        return Answer(status, body, found.get("location"), found.get("etag"), "idempotency-replayed" in found)

    return carry


def _must_be_possible(route: Route) -> None:
    if not route.once or route.handler is run_bulk:
        raise NotInBulk(given=f"{route.method} {route.path}")


def _keys(call: Call) -> Callable[[int], str | None]:
    """Under an Idempotency-Key every operation has one: the same bulk again is answered the same."""
    given = call.header("idempotency-key")
    if given is None:
        return lambda _position: None
    digest = hashlib.sha256(given.encode("latin-1")).hexdigest()
    return lambda position: f"bulk.{digest}.{position}"


def _id(call: Call) -> BatchId:
    return BatchId(call.id("bulk_id", missing=BatchUnknown))


def _kept(call: Call, batch: Batch) -> Reply:
    return Reply(_body(batch), 202, location=call.url(f"/v1/bulk/{batch.id}"))


def _body(batch: Batch) -> BulkBody:
    return BulkBody(
        id=batch.id,
        status=batch.status,
        total=batch.total,
        done=batch.done,
        failed=batch.failed,
        created_at=batch.created_at,
        completed_at=batch.completed_at,
        results=None,
    )


def _result_of(result: Result) -> ResultBody:
    return _result(result.position, result.method, result.path, result.answer)


def _result(position: int, method: str, path: str, answer: Answer) -> ResultBody:
    return ResultBody(
        position=position,
        method=method,
        path=path,
        status=answer.status,
        location=answer.location,
        etag=answer.etag,
        replayed=answer.replayed,
        body=msgspec.json.decode(answer.body) if answer.body else None,
    )
