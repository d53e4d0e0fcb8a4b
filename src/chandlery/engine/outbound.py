"""The one door for calls to the outside: webhooks and providers leave through here and nowhere else.

Customers tell us addresses to call, so each one is suspect. A name is resolved once, every address it has must be a
public one, and the connection goes to the address that was checked: a name that answers differently the second time
gains nothing. Redirects are answers, never followed. Every call ends after its time-out, and an answer has a size.

What went wrong says whether the call can have arrived: `HostUnreachable` was never sent, `AnswerLost` may have been
carried out.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any

import httpx

from chandlery.kernel.errors import Invalid, Problem, Unavailable

CONNECT_SECONDS = 5.0
LONGEST_CALL_SECONDS = 60.0
MOST_ANSWER_BYTES = 1024 * 1024
MOST_ADDRESSES = 4
LONGEST_URL = 2000
USER_AGENT = "Chandlery"

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""From a host name and a port to the addresses it has now."""

_UNPRINTABLE = re.compile(r"[\s\x00-\x1f\x7f]")
_NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))


class UrlUnusable(Invalid):
    """This URL cannot be called; give an absolute https:// URL without user name, password and fragment."""


class AddressRefused(Invalid):
    """This URL leads to an address that is not public; give one that is, or let the operator allow private ones."""


class HostUnreachable(Unavailable):
    """The host could not be reached, nothing was sent; check name, port and certificate, and try again."""

    retry_after_seconds = 5


class AnswerLost(Unavailable):
    """The call was sent and no complete answer came: it may have been carried out; ask before repeating it."""

    retry_after_seconds = 5


class AnswerTooLarge(Unavailable):
    """The call was answered with more than can be taken in; it may have been carried out."""

    retry_after_seconds = 60


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: header names in lower case, the body as it was sent."""

    status: int
    headers: Mapping[str, str]
    body: bytes


async def resolve_by_system(host: str, port: int) -> list[str]:
    """The addresses of a host, as the operating system finds them."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Outbound:
    """Calls to the outside. `allow_private_addresses` also allows plain http; `resolve` and `tls` are seams."""

    def __init__(
        self,
        allow_private_addresses: bool = False,
        resolve: Resolve = resolve_by_system,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.allow_private_addresses = allow_private_addresses
        self._resolve = resolve
        self._tls = tls

    def problem_with(self, url: str) -> str | None:
        """What is wrong with a URL as far as can be seen without resolving it; None when nothing is."""
        try:
            self._checked(url)
        except (UrlUnusable, AddressRefused) as refusal:
            return refusal.message()
        return None

    async def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        timeout_seconds: float,
        cut_at: int | None = None,
    ) -> Answer:
        """Make one call. `cut_at` takes only so much of the body, where else a large one is a refusal."""
        target = self._checked(url)
        sent = _Sent()
        try:
            async with asyncio.timeout(min(timeout_seconds, LONGEST_CALL_SECONDS)):
                request = _Request(method, target, headers, body, cut_at)
                return await self._send_to_first(await self._addresses(target), request, sent)
        except (httpx.TimeoutException, TimeoutError) as error:
            raise sent.fault("timed out", target.host) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise sent.fault(str(error)[:200] or type(error).__name__, target.host) from error

    async def close(self) -> None:
        await self._client.aclose()

    async def _send_to_first(self, addresses: list[str], request: _Request, sent: _Sent) -> Answer:
        for address in addresses[:-1]:
            try:
                return await self._send_to(address, request, sent)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        return await self._send_to(addresses[-1], request, sent)

    async def _send_to(self, address: str, request: _Request, sent: _Sent) -> Answer:
        target = request.target
        outgoing = self._client.build_request(
            request.method,
            target.copy_with(host=address),
            headers={
                "user-agent": USER_AGENT,
                **{name.lower(): value for name, value in request.headers.items()},
                "host": target.netloc.decode("ascii"),
                "accept-encoding": "identity",
            },
            content=request.body,
            extensions={"sni_hostname": target.raw_host.decode("ascii"), "trace": sent.trace},
        )
        answer = await self._client.send(outgoing, stream=True)
        try:
            content = await _content(answer, request)
        finally:
            await answer.aclose()
        return Answer(answer.status_code, dict(answer.headers), content)

    def _checked(self, url: str) -> httpx.URL:
        try:
            target = httpx.URL(url)
        except (httpx.InvalidURL, TypeError, ValueError):
            raise UrlUnusable(Problem("url", UrlUnusable.message())) from None
        schemes = ("https", "http") if self.allow_private_addresses else ("https",)
        plain = target.scheme in schemes and target.host and not target.userinfo and not target.fragment
        port = 443 if target.port is None else target.port
        if not plain or len(url) > LONGEST_URL or not 1 <= port <= 65535 or _UNPRINTABLE.search(url):
            raise UrlUnusable(Problem("url", UrlUnusable.message()))
        if not self.allow_private_addresses and _names_private(target.host):
            raise AddressRefused(Problem("url", AddressRefused.message()), given=target.host)
        return target

    async def _addresses(self, target: httpx.URL) -> list[str]:
        """Where to connect to: a few addresses of the host, all of them checked."""
        port = target.port or (443 if target.scheme == "https" else 80)
        try:
            found = await self._resolve(target.host, port)
        except (OSError, UnicodeError) as error:
            raise HostUnreachable(given=target.host, reason="the name cannot be resolved") from error
        if not found:
            raise HostUnreachable(given=target.host, reason="the name has no address")
        if not self.allow_private_addresses and not all(map(is_public, found)):
            raise AddressRefused(Problem("url", AddressRefused.message()), given=target.host)
        return found[:MOST_ADDRESSES]

    @cached_property
    def _client(self) -> httpx.AsyncClient:
        # No connection is kept: one to a shared address would be taken for another name, whose certificate nobody saw.
        return httpx.AsyncClient(
            verify=self._tls or True,
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(LONGEST_CALL_SECONDS, connect=CONNECT_SECONDS),
            limits=httpx.Limits(max_connections=200, max_keepalive_connections=0),
        )


def is_public(address: str) -> bool:
    """Whether an address belongs to the public internet, also when it is wrapped in another kind of address."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    inner = _wrapped(ip) if isinstance(ip, IPv6Address) else None
    if inner is not None:
        return is_public(str(inner))
    local = isinstance(ip, IPv6Address) and ip.is_site_local
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified or local)


def _wrapped(ip: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 one leads to: mapped, 6to4, Teredo or NAT64."""
    if any(ip in network for network in _NAT64):
        return IPv4Address(int(ip) & 0xFFFF_FFFF)
    if ip.teredo:
        return ip.teredo[1]
    return ip.ipv4_mapped or ip.sixtofour


def _names_private(host: str) -> bool:
    """Whether a host is plainly not public before anybody resolves it."""
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith((".localhost", ".local", ".internal")):
        return True
    try:
        ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return not is_public(name)


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    target: httpx.URL
    headers: Mapping[str, str]
    body: bytes
    cut_at: int | None


class _Sent:
    """Whether any of the request has left, which decides what a failure means."""

    def __init__(self) -> None:
        self.started = False

    async def trace(self, name: str, _info: Mapping[str, Any]) -> None:
        self.started = self.started or name == "http11.send_request_headers.started"

    def fault(self, reason: str, host: str) -> Unavailable:
        return (AnswerLost if self.started else HostUnreachable)(given=host, reason=reason)


async def _content(answer: httpx.Response, request: _Request) -> bytes:
    most = MOST_ANSWER_BYTES if request.cut_at is None else request.cut_at
    content = bytearray()
    async for chunk in answer.aiter_raw():
        content += chunk
        if len(content) > most:
            if request.cut_at is None:
                raise AnswerTooLarge(given=request.target.host)
            return bytes(content[:most])
    return bytes(content)
