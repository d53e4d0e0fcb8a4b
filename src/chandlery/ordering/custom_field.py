"""The noun: a field that an organisation adds to what everybody is told, for itself and for all below it.

A definition says what a value must look like; the values stand on the order and on the line, under the field's name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final, Literal, TypeAlias

from chandlery.kernel.errors import Problem
from chandlery.kernel.ids import CustomFieldId, OrganizationId
from chandlery.ordering.attributes import bag_problem

Noun: TypeAlias = Literal["order", "line", "organization", "subscription"]
Kind: TypeAlias = Literal["text", "number", "boolean", "date", "choice"]

NOUNS: Final = ("order", "line", "organization", "subscription")
KINDS: Final = ("text", "number", "boolean", "date", "choice")
MAX_TEXT = 1_000
MAX_LABEL = 200
MAX_ALLOWED = 200
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class CustomField:
    """`read_only`: only its owner and those above set it. `published`: a storefront shows it to who buys there."""

    id: CustomFieldId
    owner_id: OrganizationId
    owner_path: str
    noun: Noun
    name: str
    label: str
    kind: Kind
    allowed: tuple[str, ...]
    required: bool
    read_only: bool
    published: bool
    created_at: datetime
    version: int = 1

    def problems(self) -> list[Problem]:
        """What is wrong with the definition itself."""
        found = []
        if self.noun not in NOUNS:
            found.append(Problem("noun", f"One of: {', '.join(NOUNS)}.", "choice"))
        if self.kind not in KINDS:
            found.append(Problem("kind", f"One of: {', '.join(KINDS)}.", "choice"))
        if not _NAME.fullmatch(self.name):
            found.append(Problem("name", "Use 1 to 40 of a-z, 0-9 and _, a letter first.", "name"))
        if not (1 <= len(self.label) <= MAX_LABEL and self.label.isprintable()):
            found.append(Problem("label", f"Give a label of 1 to {MAX_LABEL} characters.", "text"))
        return found + self._allowed_problems()

    def _allowed_problems(self) -> list[Problem]:
        if self.kind in ("boolean", "date") and self.allowed:
            return [Problem("allowed", f"A {self.kind} has no list of allowed values.", "unfit")]
        if self.kind == "choice" and not self.allowed:
            return [Problem("allowed", "Name the values to choose from.", "missing")]
        if len(self.allowed) > MAX_ALLOWED or len(set(self.allowed)) < len(self.allowed):
            return [Problem("allowed", f"Name at most {MAX_ALLOWED} values, each once.", "too_many")]
        if not all(1 <= len(value) <= MAX_TEXT and value.isprintable() for value in self.allowed):
            return [Problem("allowed", f"Each value has 1 to {MAX_TEXT} printable characters.", "text")]
        return []

    def changed(self, **given: Any) -> CustomField:
        """With what is given replaced; None leaves as it is."""
        return replace(
            self,
            version=self.version + 1,
            **{name: value for name, value in given.items() if value is not None},
        )

    def problem_with(self, value: Any) -> str | None:
        """What is wrong with a value, or None."""
        match self.kind:
            case "boolean":
                return None if isinstance(value, bool) else "Give true or false."
            case "number":
                if isinstance(value, bool) or not isinstance(value, int | float):
                    return "Give a number."
                return self._not_allowed(str(value))
            case "date":
                return None if isinstance(value, str) and _is_date(value) else "Give a date as YYYY-MM-DD."
            case "text" | "choice":
                if not isinstance(value, str) or not value.strip() or len(value) > MAX_TEXT:
                    return f"Give a text of 1 to {MAX_TEXT} characters."
                return self._not_allowed(value)

    def is_set_by(self, path: str) -> bool:
        """Whether the organisation with this path may set it, and not only read it."""
        return not self.read_only or self.owner_path.startswith(path)

    def _not_allowed(self, value: str) -> str | None:
        if not self.allowed or value in self.allowed:
            return None
        return f"Give one of: {', '.join(self.allowed)}."


@dataclass(frozen=True, slots=True)
class CustomFields:
    """The fields that hold for one organisation, its own and those of all above it."""

    fields: tuple[CustomField, ...] = ()

    def problems_with(self, noun: Noun, given: Mapping[str, Any], path: str, place: str) -> list[Problem]:
        """What is wrong with values that somebody sets; None takes a value away."""
        known = self._of(noun)
        problems = []
        for name, value in given.items():
            at = f"{place}.{name[:40]}"
            field = known.get(name)
            if field is None:
                problems.append(Problem(at, "There is no such custom field; leave it out.", "unknown"))
            elif not field.is_set_by(path):
                problems.append(Problem(at, "This field is set by those who defined it.", "read_only"))
            elif value is not None and (wrong := field.problem_with(value)):
                problems.append(Problem(at, wrong, "not_allowed"))
        if not problems and (unfit := bag_problem(given)):
            problems.append(Problem(place, unfit, "unfit"))
        return problems

    def problems_at_checkout(self, noun: Noun, values: Mapping[str, Any], place: str) -> list[Problem]:
        """What is missing, or was fine once and is no more. A value whose field is gone bothers nobody."""
        problems = []
        for name, field in self._of(noun).items():
            if name not in values:
                if field.required:
                    message = f"This is needed before checkout: {field.label}."
                    problems.append(Problem(f"{place}.{name}", message, "missing"))
            elif wrong := field.problem_with(values[name]):
                problems.append(Problem(f"{place}.{name}", wrong, "not_allowed"))
        return problems

    def settable(self, noun: Noun, values: Mapping[str, Any], path: str) -> Mapping[str, Any]:
        """Those of the values that somebody could give today."""
        return {
            name: value
            for name, value in values.items()
            if not self.problems_with(noun, {name: value}, path, "")
        }

    def _of(self, noun: Noun) -> dict[str, CustomField]:
        return {field.name: field for field in self.fields if field.noun == noun}


def with_values(values: Mapping[str, Any], given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Each value given replaces the one of that name; None takes it away."""
    return {name: value for name, value in {**values, **given}.items() if value is not None}


def _is_date(text: str) -> bool:
    try:
        return bool(_DATE.fullmatch(text)) and bool(date.fromisoformat(text))
    except ValueError:
        return False
