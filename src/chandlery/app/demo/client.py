"""A small client of the native API: a token, JSON in and out, and an exception for any answer that was not expected."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

Json = dict[str, Any]


class Unexpected(Exception):
    """The demo saw something else than it should have."""


class Client:
    """Acts for one API client. Every write carries an idempotency key, as a careful integrator's would."""

    def __init__(self, base_url: str, client_id: str, client_secret: str) -> None:
        self._http = httpx.Client(base_url=base_url, timeout=30)
        self._credentials = (client_id, client_secret)
        self._token = ""

    def sign_in(self) -> int:
        """Ask for an access token; how many seconds it lives."""
        answer = self._http.post(
            "/oauth/token", data={"grant_type": "client_credentials"}, auth=self._credentials
        )
        body = _expected(answer, 200)
        self._token = body["access_token"]
        return int(body["expires_in"])

    def get(self, path: str, **query: Any) -> Json:
        return _expected(self._http.get(path, params=query, headers=self._headers()), 200)

    def write(
        self, method: str, path: str, body: Any = None, *, expect: int, key: str | None = None, **query: Any
    ) -> Json:
        headers = self._headers() | {"Idempotency-Key": key or str(uuid4())}
        return _expected(self._http.request(method, path, params=query, json=body, headers=headers), expect)

    def refused(self, method: str, path: str, body: Any, *, expect: int) -> Json:
        """The problem document of a request that has to be refused."""
        return _expected(self._http.request(method, path, json=body, headers=self._headers()), expect)

    def upload(self, path: str, file: Path, sent: Callable[[int], None], **query: Any) -> Json:
        headers = self._headers() | {"Content-Type": "text/csv", "Content-Length": str(file.stat().st_size)}

        def pieces() -> Iterator[bytes]:
            with file.open("rb") as opened:
                while piece := opened.read(16_384):
                    yield piece
                    sent(len(piece))

        return _expected(self._http.post(path, params=query, content=pieces(), headers=headers), 200)

    def until(self, path: str, holds: Callable[[Json], bool], *, seconds: float = 60) -> Json:
        """Read again and again until something holds of it."""
        deadline = time.monotonic() + seconds
        while not holds(found := self.get(path)) and time.monotonic() < deadline:
            time.sleep(0.1)
        if holds(found):
            return found
        raise Unexpected(
            f"{path} did not come to what was expected within {seconds:.0f} s; it is {found!r:.500}"
        )

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"} if self._token else {}


def _expected(answer: httpx.Response, status: int) -> Json:
    if answer.status_code != status:
        call = f"{answer.request.method} {answer.request.url.path}"
        raise Unexpected(f"{call} answered {answer.status_code} instead of {status}: {answer.text[:600]}")
    body: Json = answer.json() if answer.content else {}
    return body


def expect(condition: bool, what: str) -> None:
    if not condition:
        raise Unexpected(what)
