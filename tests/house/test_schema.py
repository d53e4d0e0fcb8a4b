"""The schema holds the tenancy: what every table and function must be, and the exceptions, each with its reason."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

Owner = psycopg.Connection[Any]

WITHOUT_TENANT = {
    "users": "people are global; they are seen through their memberships",
    "sign_in_failures": "counted before it is known who somebody is; functions alone",
    "refresh_tokens": "looked up by their MAC before a tenant is known; functions alone",
    "signing_keys": "belong to the installation; functions alone",
    "tenants": "its id is the tenant",
    "browser_sessions": "of people, who are global: before a tenant is chosen; functions alone",
    "second_factors": "of people, who are global; functions alone",
    "recovery_codes": "of people, who are global; functions alone",
}
WITHOUT_ROW_SECURITY = {
    "price_staging": "COPY is refused under row-level security; the app may only insert, and functions alone read it",
}
SEEN_OTHERWISE = {
    "users": "a person shows to whoever sees one of their memberships, and those compare the tenant"
}
FOREIGN_SCHEMAS = {
    "sandbox_vendor": "the books of a vendor, kept as apart from ours as a real one's would be"
}
NOT_OURS = ("procrastinate_", "schema_migrations", "yoyo_", "_yoyo_")


def _tables(owner: Owner) -> list[str]:
    rows = owner.execute(
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind IN ('r', 'p') AND n.nspname = 'public' ORDER BY 1"
    ).fetchall()
    return [name for (name,) in rows if not name.startswith(NOT_OURS)]


def test_only_the_listed_schemas_stand_beside_ours(owner: Owner) -> None:
    rows = owner.execute(
        "SELECT DISTINCT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind IN ('r', 'p') AND n.nspname NOT LIKE 'pg_%' AND n.nspname <> 'information_schema'"
    ).fetchall()
    assert {name for (name,) in rows} - {"public"} == set(FOREIGN_SCHEMAS)


def test_every_table_is_under_row_level_security(owner: Owner) -> None:
    rows = owner.execute(
        "SELECT relname, relrowsecurity FROM pg_class WHERE relkind IN ('r', 'p')"
    ).fetchall()
    secured = {name for name, secure in rows if secure}
    assert set(_tables(owner)) - secured == set(WITHOUT_ROW_SECURITY)


def test_every_table_names_the_tenant_of_its_rows(owner: Owner) -> None:
    rows = owner.execute(
        "SELECT table_name FROM information_schema.columns WHERE column_name = 'tenant_id' AND is_nullable = 'NO'"
    ).fetchall()
    assert set(_tables(owner)) - {name for (name,) in rows} == set(WITHOUT_TENANT)


def test_every_policy_compares_the_tenant(owner: Owner) -> None:
    rows = owner.execute(
        "SELECT tablename, coalesce(qual, '') || coalesce(with_check, '') FROM pg_policies"
    ).fetchall()
    careless = {table for table, text in rows if "scope_tenant" not in text and "scope_org" not in text}
    assert careless == set(SEEN_OTHERWISE)


def test_what_has_no_policy_cannot_be_reached_by_the_app(owner: Owner) -> None:
    """Without a policy row-level security shows nothing; without a grant there is nothing to show either."""
    with_policy = {name for (name,) in owner.execute("SELECT tablename FROM pg_policies").fetchall()}
    granted = {
        name
        for (name,) in owner.execute(
            "SELECT table_name FROM information_schema.role_table_grants WHERE grantee = 'chandlery_app'"
            " AND privilege_type <> 'INSERT'"
        ).fetchall()
    }
    tables = set(_tables(owner))
    assert (granted & tables) - with_policy == set()


@pytest.mark.parametrize("role", ["chandlery_app", "chandlery_jobs"])
def test_the_roles_of_the_app_cannot_bypass_it_and_own_nothing(owner: Owner, role: str) -> None:
    facts = owner.execute(
        "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcanlogin,"
        " (SELECT count(*) FROM pg_class c WHERE c.relowner = r.oid) FROM pg_roles r WHERE rolname = %s",
        (role,),
    ).fetchone()
    assert facts == (False, False, False, False, 0)


def test_functions_with_the_rights_of_the_owner_are_closed_to_others(owner: Owner) -> None:
    """SECURITY DEFINER: a fixed search_path, and nobody may call it who was not named."""
    rows = owner.execute(
        "SELECT p.proname, p.proconfig, has_function_privilege('public', p.oid, 'EXECUTE') FROM pg_proc p"
        " JOIN pg_namespace n ON n.oid = p.pronamespace WHERE p.prosecdef AND n.nspname NOT LIKE 'pg_%'"
    ).fetchall()
    assert rows
    unsafe = [
        name
        for name, config, public in rows
        if public or not any(setting.startswith("search_path=") for setting in config or ())
    ]
    assert unsafe == []
