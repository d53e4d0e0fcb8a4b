"""How the native API says who is asking, what went wrong, and where the next page is."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any, Generic, TypeVar

import msgspec

from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import Fault, Forbidden, Unauthenticated
from chandlery.kernel.page import DEFAULT_LIMIT, MAX_LIMIT, Page, PageRequest, decode_cursor
from chandlery.surfaces.http.decoding import Body
from chandlery.surfaces.http.errors import CredentialsMissing, MethodNotAllowed, status_of
from chandlery.surfaces.http.head import Head, bearer_token
from chandlery.surfaces.http.route import Dialect, House, Reply

T = TypeVar("T")
U = TypeVar("U")

_PROBLEM = "application/problem+json"


class FieldProblem(msgspec.Struct, kw_only=True):
    """One offending field: a dotted path (`lines.0.quantity`), a stable code, and what to do about it."""

    field: str
    code: str
    message: str


class ProblemBody(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What every refusal looks like (RFC 9457); `code` is stable, `errors` names every offending field."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    instance: str | None = None
    errors: list[FieldProblem] = []


class PageQuery(Body):
    """The parameters of every list; lists with filters derive from it."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT
    cursor: str | None = None

    def page(self) -> PageRequest:
        return PageRequest(self.limit, decode_cursor(self.cursor) if self.cursor else None)


class PageBody(msgspec.Struct, Generic[T], kw_only=True):
    """A page of a list: `next_cursor` is null on the last one."""

    items: list[T]
    next_cursor: str | None


def page_reply(page: Page[T], encode: Callable[[T], U]) -> Reply:
    return Reply(PageBody(items=[encode(item) for item in page.items], next_cursor=page.next_cursor))


async def authenticate(house: House, head: Head) -> Actor:
    return await house.verify_token(bearer_token(head), head)


def refuse(fault: Fault, head: Head) -> Reply:
    """A fault as a problem document, with the headers that its status calls for."""
    status = status_of(type(fault))
    headers: list[tuple[str, str]] = []
    if fault.retry_after_seconds is not None:
        headers.append(("retry-after", str(fault.retry_after_seconds)))
    if isinstance(fault, Unauthenticated):
        hint = "" if isinstance(fault, CredentialsMissing) else ', error="invalid_token"'
        headers.append(("www-authenticate", f'Bearer realm="chandlery"{hint}'))
    if isinstance(fault, Forbidden) and "permission" in fault.facts:
        scope = fault.facts["permission"]
        headers.append(("www-authenticate", f'Bearer error="insufficient_scope", scope="{scope}"'))
    if isinstance(fault, MethodNotAllowed):
        headers.append(("allow", fault.facts["allow"]))
    body = ProblemBody(
        type=f"urn:chandlery:problem:{fault.code()}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=fault.detail,
        code=fault.code(),
        request_id=head.request_id,
        errors=[FieldProblem(field=p.field, code=p.code, message=p.message) for p in fault.problems],
    )
    return Reply(body, status, tuple(headers), media_type=_PROBLEM)


_SECURITY: dict[str, dict[str, Any]] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An access token of /oauth/token."}
}

NATIVE = Dialect(
    authenticate=authenticate,
    refuse=refuse,
    headers=(("x-content-type-options", "nosniff"), ("cache-control", "no-store")),
    security=_SECURITY,
    error_body=ProblemBody,
    error_media_type=_PROBLEM,
)
