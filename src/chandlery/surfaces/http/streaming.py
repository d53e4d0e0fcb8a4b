"""Answers that are sent piece by piece: too long to hold, or without an end.

A stream ends when its pieces do, when the caller goes away, and, if it would never end by itself, when the server is
about to stop. What goes wrong in the middle breaks the connection off, so that half an answer is never taken for a
whole one.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from chandlery.kernel.errors import Limited

MOST_STREAMS = 20
"""Of one caller and process at the same time."""


class TooManyStreams(Limited):
    """You have as many streams open as one caller may have; close one, or share it."""

    retry_after_seconds = 5


@dataclass(frozen=True, slots=True)
class Stream:
    """The body of such an answer. Whoever takes it on closes it (`aclose`), however it ends."""

    pieces: AsyncGenerator[bytes, None]
    endless: bool = False


class Streams:
    """The streams that are open now, and the end of the endless ones."""

    def __init__(self) -> None:
        self._of: Counter[str] = Counter()
        self._leaving = asyncio.Event()

    def leave(self) -> None:
        """The server is about to stop: endless streams end, others are finished."""
        self._leaving.set()

    def admit(self, caller: str) -> None:
        """Refuse one more stream to a caller that has enough of them."""
        if self._of[caller] >= MOST_STREAMS:
            raise TooManyStreams

    async def send(
        self,
        stream: Stream,
        caller: str,
        send: Callable[[Any], Awaitable[None]],
        receive: Callable[[], Awaitable[Any]],
    ) -> None:
        """Send all pieces, or as many as somebody still wants."""

        async def pump() -> None:
            async for piece in stream.pieces:
                await send({"type": "http.response.body", "body": piece, "more_body": True})

        pumping = asyncio.create_task(pump())
        others: list[asyncio.Task[Any]] = [asyncio.create_task(_gone(receive))]
        if stream.endless:
            others.append(asyncio.create_task(self._leaving.wait()))
        self._of[caller] += 1
        try:
            await asyncio.wait({pumping, *others}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (pumping, *others):
                task.cancel()
            outcome, *_ = await asyncio.gather(pumping, *others, return_exceptions=True)
            await stream.pieces.aclose()
            self._of[caller] -= 1
            self._of += Counter()  # forgets those that have none left
        if isinstance(outcome, Exception):
            raise outcome
        await send({"type": "http.response.body", "body": b""})


async def _gone(receive: Callable[[], Awaitable[Any]]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
