"""Definitions of custom fields. A reader sees its own, those below it, and those above that bind it."""

# ruff: noqa: S608 - columns and conditions are written here; every value is a parameter

from __future__ import annotations

from chandlery.engine.statements import Query, Row, Write, many, one, refusals
from chandlery.kernel.ids import CustomFieldId, OrganizationId
from chandlery.kernel.page import PageRequest
from chandlery.ordering.custom_field import CustomField, Noun
from chandlery.ordering.errors import CustomFieldTaken, CustomFieldUnknown

_COLUMNS = """f.id, f.owner_id, f.owner_path, f.noun, f.name, f.label, f.kind, f.allowed, f.required, f.read_only,
    f.published, f.created_at, f.version"""
_ONE = f"SELECT {_COLUMNS} FROM custom_fields f WHERE f.id = %s"  # sql: constants alone
_OWN = "f.owner_path >= scope_path() AND f.owner_path < scope_path_end()"
_FOR_UPDATE = f"{_ONE} AND {_OWN} FOR NO KEY UPDATE"  # sql: constants alone
_IN_FORCE = f"""SELECT {_COLUMNS} FROM custom_fields_in_force f
    JOIN organizations o ON o.id = %(of)s AND f.owner_path = ANY (paths_up(o.path))
    WHERE f.tenant_id = scope_tenant() AND (%(noun)s::text IS NULL OR f.noun = %(noun)s::text)
        AND (%(at)s::timestamptz IS NULL OR (f.created_at, f.id) > (%(at)s::timestamptz, %(id)s::uuid))
    ORDER BY f.created_at, f.id LIMIT %(limit)s"""  # sql: constants alone
_FACTS = """SELECT EXISTS (
        SELECT FROM custom_fields f JOIN organizations o ON o.id = %(owner)s AND f.owner_path = ANY (paths_up(o.path))
        WHERE f.tenant_id = scope_tenant() AND f.noun = %(noun)s::text AND f.name = %(name)s::text),
    (SELECT count(*) FROM custom_fields f WHERE f.owner_id = %(owner)s AND f.noun = %(noun)s::text)"""


def _decode(row: Row) -> CustomField:
    values = list(row)
    values[7] = tuple(values[7])
    return CustomField(*values)


def field_query(field_id: CustomFieldId) -> Query[CustomField]:
    return one(_ONE, (field_id,), _decode, CustomFieldUnknown)


def field_for_change(field_id: CustomFieldId) -> Query[CustomField]:
    """One's own or one below: what those above have defined is theirs."""
    return one(_FOR_UPDATE, (field_id,), _decode, CustomFieldUnknown)


def fields_in_force(
    organization_id: OrganizationId, noun: Noun | None, page: PageRequest
) -> Query[list[CustomField]]:
    at, after = page.after or (None, None)
    params = {"of": organization_id, "noun": noun, "at": at, "id": after, "limit": page.limit + 1}
    return many(_IN_FORCE, params, _decode)


def field_facts(owner_id: OrganizationId, noun: str, name: str) -> Query[tuple[bool, int]]:
    """Whether the name is taken there or above, and how many fields that organisation has defined already."""
    params = {"owner": owner_id, "noun": noun, "name": name}
    return one(_FACTS, params, lambda row: (row[0], row[1]), CustomFieldUnknown)


def add_field(field: CustomField) -> Write:
    return Write(
        "INSERT INTO custom_fields (id, tenant_id, owner_id, owner_path, noun, name, label, kind, allowed, required,"
        " read_only, published, created_at) VALUES (%s, scope_tenant(), %s, %s::text, %s::text, %s::text, %s::text,"
        " %s::text, %s::text[], %s, %s, %s, %s)",
        (
            field.id, field.owner_id, field.owner_path, field.noun, field.name, field.label, field.kind,
            list(field.allowed), field.required, field.read_only, field.published, field.created_at,
        ),
        refusals(custom_fields_name_key=CustomFieldTaken),
    )  # fmt: skip


def save_field(field: CustomField) -> Write:
    return Write(
        "UPDATE custom_fields SET label = %s::text, allowed = %s::text[], required = %s, read_only = %s,"
        " published = %s, version = %s WHERE id = %s",
        (
            field.label, list(field.allowed), field.required, field.read_only, field.published, field.version,
            field.id,
        ),
    )  # fmt: skip


def remove_field(field_id: CustomFieldId) -> Write:
    return Write("DELETE FROM custom_fields WHERE id = %s", (field_id,))
