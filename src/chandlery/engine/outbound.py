"""HTTP to the outside: the one place that opens such connections, so that none is without a time-out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from chandlery.kernel.errors import Unavailable


class NotReached(Unavailable):
    """The other system could not be reached or did not answer in time; the call is repeated later."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: any status, and the beginning of the body."""

    status: int
    body: bytes

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Outbound:
    """A client for other systems. Redirects are not followed: whom we call is configured, not suggested."""

    client: httpx.AsyncClient

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        try:
            answer = await self.client.post(
                url, content=body, headers={"content-type": "application/json", **headers}
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NotReached(given=type(error).__name__) from error
        return Answer(answer.status_code, answer.content)


@asynccontextmanager
async def open_outbound(
    timeout_seconds: float = 10.0, transport: httpx.AsyncBaseTransport | None = None
) -> AsyncIterator[Outbound]:
    """Connections that are kept for reuse while the block lasts; `transport` is the seam for tests."""
    async with httpx.AsyncClient(timeout=timeout_seconds, transport=transport, trust_env=False) as client:
        yield Outbound(client)
