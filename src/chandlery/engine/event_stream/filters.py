"""Which types of events somebody wants, as patterns: a type by name, all of one noun, or everything."""

from __future__ import annotations

import re
from collections.abc import Iterable

from chandlery.kernel.errors import Invalid, Problem

EVERYTHING = "*"
MOST_PATTERNS = 100
_PATTERN = re.compile(r"\*|[a-z][a-z0-9_]*\.(?:\*|[a-z][a-z0-9_]*)")


class EventFilterUnreadable(Invalid):
    """These are not filters for events; give types such as order.submitted, order.* or *, 1 to 100 of them."""


def check_patterns(patterns: Iterable[str], field: str = "events") -> tuple[str, ...]:
    """The patterns without repetitions, or a refusal that names each bad one."""
    given = list(patterns)
    problems = [
        Problem(f"{field}.{index}", "Give a type such as order.submitted, or order.* or *.")
        for index, pattern in enumerate(given)
        if len(pattern) > 100 or not _PATTERN.fullmatch(pattern)
    ]
    if not 1 <= len(given) <= MOST_PATTERNS:
        problems.append(Problem(field, f"Give 1 to {MOST_PATTERNS} of them."))
    if problems:
        raise EventFilterUnreadable(*problems)
    return tuple(dict.fromkeys(given))


def matches(pattern: str, event_type: str) -> bool:
    """Whether a type is meant by a pattern; `engine` asks the database the same question in SQL."""
    noun, _, verb = pattern.partition(".")
    return pattern in (EVERYTHING, event_type) or (verb == "*" and noun == event_type.partition(".")[0])
