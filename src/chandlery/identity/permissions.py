"""Every permission of the system, in one list: what an actor can be allowed to do, by name.

A use case asks for one of these in its first line. Roles are sets of them, an access token carries them as its scope.
A name is `resource:verb` and stays for ever: tokens, roles and other people's scripts hold it.
"""

from __future__ import annotations

from dataclasses import dataclass

ORGANIZATIONS_READ = "organizations:read"
ORGANIZATIONS_WRITE = "organizations:write"
USERS_READ = "users:read"
USERS_WRITE = "users:write"
MEMBERSHIPS_READ = "memberships:read"
MEMBERSHIPS_WRITE = "memberships:write"
ROLES_READ = "roles:read"
ROLES_WRITE = "roles:write"
CLIENTS_READ = "clients:read"
CLIENTS_WRITE = "clients:write"
CHANNELS_READ = "channels:read"
CHANNELS_WRITE = "channels:write"
GROUPS_READ = "groups:read"
GROUPS_WRITE = "groups:write"
FEDERATION_READ = "federation:read"
FEDERATION_WRITE = "federation:write"
ACCOUNT_WRITE = "account:write"
PARTIES_READ = "parties:read"
PARTIES_WRITE = "parties:write"
CATALOG_READ = "catalog:read"
CATALOG_WRITE = "catalog:write"
PRICES_READ = "prices:read"
PRICES_WRITE = "prices:write"
ORDERS_READ = "orders:read"
ORDERS_WRITE = "orders:write"
ORDERS_CHECKOUT = "orders:checkout"
ORDERS_CANCEL = "orders:cancel"
ORDERS_APPROVE = "orders:approve"
APPROVAL_RULES_READ = "approval_rules:read"
APPROVAL_RULES_WRITE = "approval_rules:write"
CUSTOM_FIELDS_READ = "custom_fields:read"
CUSTOM_FIELDS_WRITE = "custom_fields:write"
CREDIT_READ = "credit:read"
CREDIT_WRITE = "credit:write"
SUBSCRIPTIONS_READ = "subscriptions:read"
SUBSCRIPTIONS_WRITE = "subscriptions:write"
FULFILMENT_READ = "fulfilment:read"
FULFILMENT_OPERATE = "fulfilment:operate"
PROVIDERS_READ = "providers:read"
PROVIDERS_WRITE = "providers:write"
DOCUMENTS_READ = "documents:read"
DOCUMENTS_WRITE = "documents:write"
EVENTS_READ = "events:read"
WEBHOOKS_READ = "webhooks:read"
WEBHOOKS_WRITE = "webhooks:write"
TENANT_ADMIN = "tenant:admin"


@dataclass(frozen=True, slots=True)
class Permission:
    """One thing that somebody may be allowed to do."""

    name: str
    description: str


PERMISSIONS = (
    Permission(ORGANIZATIONS_READ, "See the own organisation and those below it"),
    Permission(ORGANIZATIONS_WRITE, "Add, change, suspend and close organisations"),
    Permission(USERS_READ, "See the people of the own organisation and of those below it"),
    Permission(USERS_WRITE, "Add, change and remove people"),
    Permission(MEMBERSHIPS_READ, "See who belongs to which organisation, and in which role"),
    Permission(MEMBERSHIPS_WRITE, "Give people a role in an organisation, and take it away"),
    Permission(ROLES_READ, "See the roles that can be given"),
    Permission(ROLES_WRITE, "Define roles of the organisation's own"),
    Permission(CLIENTS_READ, "See API clients, without their secrets"),
    Permission(CLIENTS_WRITE, "Add, change and disable API clients, and rotate their secrets"),
    Permission(CHANNELS_READ, "See sales channels and their own names for things"),
    Permission(CHANNELS_WRITE, "Add, change and close sales channels"),
    Permission(GROUPS_READ, "See the groups of people within organisations"),
    Permission(GROUPS_WRITE, "Form groups of people, and say who is in them"),
    Permission(FEDERATION_READ, "See by which OpenID providers the people of an organisation sign in"),
    Permission(FEDERATION_WRITE, "Set up OpenID providers: they can then sign in as any member"),
    Permission(ACCOUNT_WRITE, "Manage one's own sign-in: password, second factor, personal tokens"),
    Permission(PARTIES_READ, "See addresses, contacts, company data and letterheads"),
    Permission(PARTIES_WRITE, "Change addresses, contacts, company data and letterheads"),
    Permission(CATALOG_READ, "Browse vendors, products, SKUs and plans"),
    Permission(CATALOG_WRITE, "Change the catalogue and import price lists"),
    Permission(PRICES_READ, "See the organisation's buy and sell prices, and how they come about"),
    Permission(PRICES_WRITE, "Set price rules for the organisations directly below"),
    Permission(ORDERS_READ, "See orders and their history"),
    Permission(ORDERS_WRITE, "Open drafts and change them"),
    Permission(ORDERS_CHECKOUT, "Submit an order: commit to buy"),
    Permission(ORDERS_CANCEL, "Cancel an order where that is still possible"),
    Permission(ORDERS_APPROVE, "Approve and decline orders that wait for the own organisation"),
    Permission(APPROVAL_RULES_READ, "See which orders need an approval"),
    Permission(APPROVAL_RULES_WRITE, "Set which orders need an approval, and whose"),
    Permission(CUSTOM_FIELDS_READ, "See which custom fields there are"),
    Permission(CUSTOM_FIELDS_WRITE, "Define custom fields"),
    Permission(CREDIT_READ, "See credit and spending limits, and what is used of them"),
    Permission(CREDIT_WRITE, "Set credit and spending limits, and release orders held by one"),
    Permission(SUBSCRIPTIONS_READ, "See subscriptions"),
    Permission(SUBSCRIPTIONS_WRITE, "Change, renew and cancel subscriptions"),
    Permission(FULFILMENT_READ, "See how each line is being provisioned, and why one waits"),
    Permission(FULFILMENT_OPERATE, "Decide about lines that wait for a person"),
    Permission(PROVIDERS_READ, "See which providers are set up and how they are, without their secrets"),
    Permission(PROVIDERS_WRITE, "Set up providers, their limits and secrets"),
    Permission(DOCUMENTS_READ, "Read documents and make links to them"),
    Permission(DOCUMENTS_WRITE, "Upload documents and remove uploads"),
    Permission(EVENTS_READ, "Read the stream of events and the audit trail"),
    Permission(WEBHOOKS_READ, "See webhook endpoints and the log of deliveries"),
    Permission(WEBHOOKS_WRITE, "Register, change and delete webhook endpoints, and send again"),
    Permission(TENANT_ADMIN, "Administer the tenant: sandbox clock, settings"),
)
EVERY = frozenset(permission.name for permission in PERMISSIONS)
