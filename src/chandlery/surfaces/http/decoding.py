"""From bytes to a typed value, strictly: size, content type, depth and form first, then the fields.

The quick road is one call of a compiled decoder. Only when that fails, or lets through what no column could hold,
a second pass (`problems`) looks for every offending field.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from itertools import accumulate
from typing import Annotated, Any
from urllib.parse import parse_qsl

import msgspec

from chandlery.kernel.errors import Invalid, Problem
from chandlery.surfaces.http.errors import (
    BodyTooLarge,
    BodyUnreadable,
    FieldsRefused,
    MediaTypeUnsupported,
    QueryRefused,
    QueryUnreadable,
)
from chandlery.surfaces.http.head import Head
from chandlery.surfaces.http.problems import collect, plain, sound

MAX_DEPTH = 64
MAX_PARAMETERS = 200
BODY_SECONDS = 30
FORM = "application/x-www-form-urlencoded"

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
"""A moment on the wire: RFC 3339, its zone required."""


class Body(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What a request's body or query string is made of: unknown fields are refused, never dropped."""


_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


def is_too_deep(raw: bytes) -> bool:
    """Whether JSON is nested too deeply, without parsing it."""
    if raw.count(b"[") + raw.count(b"{") <= MAX_DEPTH:
        return False
    brackets = _STRING.sub(b"", raw).translate(None, _NO_BRACKETS)
    return max(accumulate(map(_STEP.__getitem__, brackets)), default=0) > MAX_DEPTH


async def read_body(receive: Callable[[], Awaitable[Any]], head: Head, max_bytes: int) -> bytes:
    """The whole body, or a refusal as soon as it is known to be too large."""
    declared = head.headers.get(b"content-length", b"")
    if declared.isdigit() and (len(declared) > 15 or int(declared) > max_bytes):
        raise BodyTooLarge(given=f"{declared.decode()[:20]} bytes, at most {max_bytes} are accepted")
    chunks: list[bytes] = []
    size, more = 0, True
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":  # half a request is none
                    raise BodyUnreadable(given="the connection ended early")
                chunks.append(message.get("body", b""))
                size += len(chunks[-1])
                if size > max_bytes:
                    raise BodyTooLarge(given=f"more than {max_bytes} bytes")
                more = message.get("more_body", False)
    except TimeoutError:
        raise BodyUnreadable(given=f"not complete after {BODY_SECONDS} seconds") from None
    return b"".join(chunks)


class BodyDecoder:
    """Decodes the bodies of one route."""

    def __init__(self, type_: Any, accepts: tuple[str, ...]) -> None:
        self._type = type_
        self._accepts = accepts
        self._decode = None if type_ is bytes else msgspec.json.Decoder(type_).decode
        self._lists = _list_fields(type_)

    def __call__(self, head: Head, raw: bytes) -> Any:
        media_type = self._media_type(head, raw)
        if self._decode is None:
            return raw
        if media_type == FORM:
            return _convert(self._type, _pairs(raw, self._lists, BodyUnreadable), FieldsRefused)
        raw = raw or b"{}"  # nothing is an object without members: fine, or every required field is named
        if is_too_deep(raw):
            raise BodyUnreadable(given=f"more than {MAX_DEPTH} levels")
        try:
            value = self._decode(raw)
            if sound(value):
                return value
        except (msgspec.ValidationError, UnicodeDecodeError):
            pass
        except msgspec.DecodeError as error:
            raise BodyUnreadable(given=str(error)) from None
        raise FieldsRefused(*collect(self._type, _loads(raw), strict=True))

    def _media_type(self, head: Head, raw: bytes) -> str:
        given = head.header("content-type")
        if given is None:
            if raw and "*/*" not in self._accepts:
                raise MediaTypeUnsupported(given=f"none; accepted: {', '.join(self._accepts)}")
            return self._accepts[0]
        media_type, _, parameters = given.lower().partition(";")
        charset = re.search(r'charset="?([^";\s]+)', parameters)
        known = media_type.strip() in self._accepts or "*/*" in self._accepts or not raw
        if not known or (charset and charset[1] not in ("utf-8", "utf8", "us-ascii")):
            raise MediaTypeUnsupported(given=f"{given}; accepted: {', '.join(self._accepts)}")
        return media_type.strip()


class QueryDecoder:
    """Decodes the query strings of one route; `dry_run` is the edge's own parameter."""

    def __init__(self, type_: type[msgspec.Struct] | None, *, dry_run: bool, strict: bool) -> None:
        self._type = type_ if type_ is not None else msgspec.defstruct("NoParameters", [])
        self._dry_run = dry_run
        self._strict = strict
        self._lists = _list_fields(self._type)
        self._known = dict.fromkeys(self._type.__struct_encode_fields__)

    def __call__(self, query: bytes) -> tuple[Any, bool]:
        """The parameters, and whether this is a dry run."""
        if not query:
            return _convert(self._type, {}, QueryRefused), False
        given = _pairs(query, self._lists, QueryUnreadable)
        problems = []
        dry = given.pop("dry_run", "false") if self._dry_run else "false"
        if dry not in ("true", "false"):
            problems.append(Problem("dry_run", "Write true or false.", "type"))
        if self._strict:
            unknown = [name for name in given if name not in self._known]
            known = ", ".join(self._known) or "none"
            problems += [
                Problem(n, f"There is no such parameter; known: {known}.", "unknown") for n in unknown
            ]
        parameters = {name: value for name, value in given.items() if name in self._known}
        return _convert(self._type, parameters, QueryRefused, problems), dry == "true"


def _convert(
    type_: Any, value: Mapping[str, Any], refusal: type[Invalid], found: list[Problem] | None = None
) -> Any:
    try:
        result = msgspec.convert(value, type_, strict=False)
        if not found and sound(result):
            return result
    except msgspec.ValidationError:
        pass
    raise refusal(*(found or ()), *collect(type_, value, strict=False))


def _pairs(raw: bytes, lists: frozenset[str], refusal: type[Invalid]) -> dict[str, Any]:
    """Parameters by name; one that was given twice is a list, so that its type decides."""
    found: dict[str, Any] = {}
    try:
        pairs = parse_qsl(
            raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS
        )
    except (UnicodeDecodeError, ValueError):
        raise refusal from None
    for name, value in pairs:
        if name not in found:
            found[name] = [value] if name in lists else value
        elif isinstance(found[name], list):
            found[name].append(value)
        else:
            found[name] = [found[name], value]
    return found


def _list_fields(type_: Any) -> frozenset[str]:
    if not (isinstance(type_, type) and issubclass(type_, msgspec.Struct)):
        return frozenset()
    fields = msgspec.structs.fields(type_)
    return frozenset(f.encode_name for f in fields if plain(f.type)[0] in (list, set, frozenset, tuple))


def _loads(raw: bytes) -> Any:
    """JSON as plain values, with infinity for every number that nothing can hold."""
    try:
        text = raw.decode()
        return json.loads(
            text,
            parse_int=lambda digits: int(digits) if len(digits) < 20 else float("inf"),
            parse_constant=_refuse,
        )
    except (ValueError, RecursionError) as error:
        raise BodyUnreadable(given=str(error)) from None


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
