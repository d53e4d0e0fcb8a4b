"""The seven ways in which something can be refused. HTTP statuses are not among them: those begin in `surfaces`.

    Fault
    ├── Invalid           what was asked makes no sense; names every offending field
    ├── Unauthenticated   we do not know who is asking, or no longer believe it
    ├── Forbidden         we know, and they may not
    ├── NotFound          it does not exist for the one who asks
    ├── Conflict          it exists, in a state or version that does not allow this
    ├── Limited           too much, too fast; says when to come back
    └── Unavailable       not now; says when to come back

Each room derives one class per thing that can go wrong. The class name is the sentence, the first line of its
docstring the message that the caller reads, and the stable code is the name in snake case. Anything else that is
raised is a bug, and loud.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True)
class Problem:
    """One offending field: `field` as a dotted path (`lines.0.quantity`), and what to do about it."""

    field: str
    message: str
    code: str = "invalid"


@cache
def _code(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


@cache
def _first_paragraph(docstring: str) -> str:
    return " ".join(docstring.strip().split("\n\n")[0].split())


class Fault(Exception):
    """Something was refused."""

    retry_after_seconds: int | None = None

    def __init__(self, *problems: Problem, given: str | None = None, **facts: str) -> None:
        self.problems = problems
        self.given = given
        """What the caller gave, when repeating it helps and it is no secret."""
        self.facts = facts
        """What a surface may need to say it in its dialect: object kinds, ids, permissions."""
        super().__init__(self.detail)

    @classmethod
    def code(cls) -> str:
        """The stable code that clients may depend on: the class name in snake case."""
        return _code(cls.__name__)

    @classmethod
    def message(cls) -> str:
        """What the caller reads: the first paragraph of the docstring."""
        return _first_paragraph(cls.__doc__ or cls.__name__)

    @property
    def detail(self) -> str:
        return self.message() if self.given is None else f"{self.message()} Given: {self.given[:200]}."


class Invalid(Fault):
    """The request does not make sense; see the problems listed."""


class Unauthenticated(Fault):
    """No valid credentials were given; ask for a new access token."""


class Forbidden(Fault):
    """You may not do this; ask an administrator for the permission named."""


class NotFound(Fault):
    """There is no such thing; check the id."""


class Conflict(Fault):
    """The current state does not allow this; read it again and decide anew."""


class Limited(Fault):
    """Too many requests; wait as long as Retry-After says."""

    retry_after_seconds = 1


class Unavailable(Fault):
    """This cannot be done right now; try again after a moment."""

    retry_after_seconds = 1


class PermissionMissing(Forbidden):
    """You lack a permission for this; ask an administrator for it."""

    def __init__(self, permission: str) -> None:
        super().__init__(given=permission, permission=permission)


class VersionStale(Conflict):
    """Somebody changed this since you read it; read it again and repeat your change."""
