"""What the edge itself may refuse, and where the seven faults become HTTP statuses."""

from __future__ import annotations

from collections.abc import Mapping

from chandlery.kernel.errors import (
    Conflict,
    Fault,
    Forbidden,
    Invalid,
    Limited,
    NotFound,
    Problem,
    Unauthenticated,
    Unavailable,
    VersionStale,
)


class BodyUnreadable(Invalid):
    """The body cannot be read; send well-formed JSON in UTF-8, nested at most 64 levels deep."""


class BodyTooLarge(Invalid):
    """The body is too large; send less at once."""


class MediaTypeUnsupported(Invalid):
    """This content type is not understood here; send one of those listed."""


class FieldsRefused(Invalid):
    """Some fields of the body are not acceptable; correct every field listed and send it again."""


class QueryUnreadable(Invalid):
    """The query string cannot be read; percent-encode it as UTF-8."""


class QueryRefused(Invalid):
    """Some query parameters are not acceptable; correct every parameter listed."""


class HeaderRefused(Invalid):
    """A request header is not acceptable; correct the one listed."""


class PathUnknown(NotFound):
    """There is nothing at this path; see the reference for the paths that exist."""


class MethodNotAllowed(NotFound):
    """This path does not take this method; use one of those in the Allow header."""


class RateExceeded(Limited):
    """Too many requests; wait as long as Retry-After says."""

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__()
        self.retry_after_seconds = retry_after_seconds


class CredentialsMissing(Unauthenticated):
    """No usable Authorization header was given; send one with an access token."""


class InternalError(Fault):
    """Something went wrong on our side; repeat the request, and name its request id if it persists."""


STATUSES: Mapping[type[Fault], int] = {
    Invalid: 422,
    BodyUnreadable: 400,
    QueryUnreadable: 400,
    BodyTooLarge: 413,
    MediaTypeUnsupported: 415,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    MethodNotAllowed: 405,
    Conflict: 409,
    VersionStale: 412,
    Limited: 429,
    Unavailable: 503,
}


def status_of(fault: type[Fault]) -> int:
    """The status of the nearest ancestor in the table above; a fault of no known kind is ours: 500."""
    return next((STATUSES[kind] for kind in fault.__mro__ if kind in STATUSES), 500)


def header_refused(name: str, message: str) -> HeaderRefused:
    return HeaderRefused(Problem(name, message))
