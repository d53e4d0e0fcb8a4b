"""The table of contents of the native API: what can be asked, by whom, and where the answer is made.

Everything else is derived from it: routing, the OpenAPI document, the reference page, and the sweep that asks each of
these without a token, with a weak one and with a stranger's.
"""

from __future__ import annotations

from typing import Any

from chandlery.fulfilment.callbacks import MAX_BODY_BYTES as MAX_CALLBACK_BYTES
from chandlery.identity import permissions as p
from chandlery.surfaces.http.route import Handler, Route
from chandlery.surfaces.native import (
    api_clients,
    catalog,
    characteristics,
    events,
    fulfilment,
    health,
    me,
    memberships,
    order_lines,
    orders,
    organizations,
    price_rules,
    prices,
    roles,
    sandbox,
    stuck_lines,
    subscriptions,
    users,
)
from chandlery.surfaces.native.dialect import PageBody, PageQuery


def _to(method: str, path: str, handler: Handler, permission: str | None, summary: str, **more: Any) -> Route:
    """A write takes an Idempotency-Key unless its line says otherwise; the tag is the first word of the path."""
    once = method != "GET" and not more.get("public")
    tags = (path.split("/")[2].replace("-", " "),)
    known = {"method": method, "path": path, "handler": handler, "permission": permission, "summary": summary}
    return Route(**{"once": once, "tags": tags, **known, **more})


_ONCE_ONLY = "The secret is in no other answer, so this takes no Idempotency-Key: a repetition makes another."
_DRAFT_ONLY = "Refused unless the order is a draft that has not expired."
_MAYBE_EARLIER = "What is known of the vendor's answer stays in the order's history."

# fmt: off
_IDENTITY = (
    _to("GET", "/v1/me", me.get_me, None, "Who this token acts for, and what it may do", reply=me.MeBody),

    _to("GET", "/v1/organizations", organizations.list_organizations, p.ORGANIZATIONS_READ,
        "Your organisation and all below it, oldest first",
        query=organizations.OrganizationQuery, reply=PageBody[organizations.OrganizationBody]),
    _to("POST", "/v1/organizations", organizations.add_organization, p.ORGANIZATIONS_WRITE,
        "Add an organisation below one of yours", status=201,
        body=organizations.NewOrganization, reply=organizations.OrganizationBody),
    _to("GET", "/v1/organizations/{organization_id}", organizations.get_organization, p.ORGANIZATIONS_READ,
        "An organisation", reply=organizations.OrganizationBody),
    _to("PATCH", "/v1/organizations/{organization_id}", organizations.change_organization, p.ORGANIZATIONS_WRITE,
        "Change an organisation", body=organizations.OrganizationChange, reply=organizations.OrganizationBody),
    _to("POST", "/v1/organizations/{organization_id}/suspend", organizations.suspend_organization,
        p.ORGANIZATIONS_WRITE, "Suspend an organisation",
        description="Nobody acts for it, or for one below it, from now on.", reply=organizations.OrganizationBody),
    _to("POST", "/v1/organizations/{organization_id}/reactivate", organizations.reactivate_organization,
        p.ORGANIZATIONS_WRITE, "Let a suspended organisation act again", reply=organizations.OrganizationBody),
    _to("POST", "/v1/organizations/{organization_id}/close", organizations.close_organization,
        p.ORGANIZATIONS_WRITE, "Close an organisation for good", reply=organizations.OrganizationBody),

    _to("GET", "/v1/users", users.list_users, p.USERS_READ, "People of your organisation and of those below it",
        query=users.UserQuery, reply=PageBody[users.UserBody]),
    _to("POST", "/v1/users", users.add_user, p.USERS_WRITE, "Add somebody new to an organisation", status=201,
        description="Also needs `memberships:write`, and every permission that the role brings.",
        body=users.NewUser, reply=users.UserBody),
    _to("GET", "/v1/users/{user_id}", users.get_user, None, "Somebody",
        description="Needs the permission `users:read`, but for oneself.", reply=users.UserBody),
    _to("PATCH", "/v1/users/{user_id}", users.rename_user, None, "Rename somebody",
        description="Needs the permission `users:write`, but for oneself.",
        body=users.UserChange, reply=users.UserBody),
    _to("DELETE", "/v1/users/{user_id}", users.remove_user, p.USERS_WRITE, "Remove somebody altogether", status=204,
        description="Their sessions end at once."),

    _to("GET", "/v1/memberships", memberships.list_memberships, p.MEMBERSHIPS_READ, "Who belongs where",
        query=memberships.MembershipQuery, reply=PageBody[memberships.MembershipBody]),
    _to("POST", "/v1/memberships", memberships.add_membership, p.MEMBERSHIPS_WRITE,
        "Give somebody a role in another organisation", status=201,
        body=memberships.NewMembership, reply=memberships.MembershipBody),
    _to("PATCH", "/v1/memberships/{membership_id}", memberships.change_membership, p.MEMBERSHIPS_WRITE,
        "Give a member another role", body=memberships.MembershipChange, reply=memberships.MembershipBody),
    _to("DELETE", "/v1/memberships/{membership_id}", memberships.remove_membership, p.MEMBERSHIPS_WRITE,
        "End a membership", status=204, description="Sessions in that organisation end at once."),

    _to("GET", "/v1/roles", roles.list_roles, p.ROLES_READ, "The roles of an organisation, and those built in",
        query=roles.RoleQuery, reply=roles.RolesBody),
    _to("POST", "/v1/roles", roles.add_role, p.ROLES_WRITE, "Define a role", status=201,
        description="Of permissions that you have yourself.", body=roles.NewRole, reply=roles.RoleBody),
    _to("GET", "/v1/roles/{role_id}", roles.get_role, p.ROLES_READ, "A role", reply=roles.RoleBody),
    _to("PATCH", "/v1/roles/{role_id}", roles.change_role, p.ROLES_WRITE, "Change a role",
        description="Its holders need a new token.", body=roles.RoleChange, reply=roles.RoleBody),
    _to("DELETE", "/v1/roles/{role_id}", roles.remove_role, p.ROLES_WRITE, "Remove a role that nobody has",
        status=204),

    _to("GET", "/v1/api-clients", api_clients.list_api_clients, p.CLIENTS_READ,
        "API clients of your organisation and of those below it",
        query=api_clients.ApiClientQuery, reply=PageBody[api_clients.ApiClientBody]),
    _to("POST", "/v1/api-clients", api_clients.add_api_client, p.CLIENTS_WRITE, "Add an API client", status=201,
        description=_ONCE_ONLY, once=False,
        body=api_clients.NewApiClient, reply=api_clients.ApiClientWithSecret),
    _to("GET", "/v1/api-clients/{client_id}", api_clients.get_api_client, p.CLIENTS_READ, "An API client",
        reply=api_clients.ApiClientBody),
    _to("PATCH", "/v1/api-clients/{client_id}", api_clients.change_api_client, p.CLIENTS_WRITE,
        "Change an API client", body=api_clients.ApiClientChange, reply=api_clients.ApiClientBody),
    _to("POST", "/v1/api-clients/{client_id}/rotate-secret", api_clients.rotate_client_secret, p.CLIENTS_WRITE,
        "Give an API client a new secret", description=_ONCE_ONLY, once=False,
        body=api_clients.SecretRotation, reply=api_clients.ApiClientWithSecret),
    _to("POST", "/v1/api-clients/{client_id}/disable", api_clients.disable_api_client, p.CLIENTS_WRITE,
        "Disable an API client; its sessions end at once", reply=api_clients.ApiClientBody),
    _to("POST", "/v1/api-clients/{client_id}/enable", api_clients.enable_api_client, p.CLIENTS_WRITE,
        "Let a disabled API client in again", reply=api_clients.ApiClientBody),
    _to("DELETE", "/v1/api-clients/{client_id}", api_clients.remove_api_client, p.CLIENTS_WRITE,
        "Remove an API client for good", status=204),
)

_CATALOG = (
    _to("GET", "/v1/vendors", catalog.list_vendors, p.CATALOG_READ, "Vendors, oldest first",
        query=PageQuery, reply=PageBody[catalog.VendorBody]),
    _to("GET", "/v1/products", catalog.list_products, p.CATALOG_READ, "Products with their SKUs",
        query=catalog.ProductQuery, reply=PageBody[catalog.ProductBody]),
    _to("GET", "/v1/products/{product_id}", catalog.get_product, p.CATALOG_READ, "A product",
        reply=catalog.ProductBody),
    _to("GET", "/v1/plans", catalog.list_plans, p.CATALOG_READ, "Plans: what can be ordered",
        query=catalog.PlanQuery, reply=PageBody[catalog.PlanBody]),
    _to("GET", "/v1/plans/{plan_id}", catalog.get_plan, p.CATALOG_READ, "A plan, and what you pay for it",
        query=catalog.OnePlanQuery, reply=catalog.PlanBody),
    _to("PUT", "/v1/plans/{plan_id}/characteristics", characteristics.define_characteristics, p.CATALOG_WRITE,
        "Define what a plan wants to be told when it is ordered",
        body=characteristics.CharacteristicsChange, reply=characteristics.CharacteristicsBody),
    _to("POST", "/v1/plans/{plan_id}/retire", catalog.retire_plan, p.CATALOG_WRITE, "Take a plan off sale",
        status=204, description="What was bought of it goes on."),

    _to("POST", "/v1/price-sheets", prices.import_price_sheet, p.CATALOG_WRITE,
        "Bring the catalogue to what a vendor's price sheet says", once=False,
        description="The same sheet again changes nothing. Up to 64 MiB.",
        query=prices.SheetQuery, body=bytes, accepts=("text/csv",), max_body_bytes=prices.MAX_SHEET_BYTES,
        reply=prices.SheetReport),
    _to("GET", "/v1/prices/explain", prices.explain_price, p.PRICES_READ, "How a price comes about",
        query=prices.ExplainQuery, reply=prices.ExplanationBody),
    _to("GET", "/v1/price-rules", price_rules.list_price_rules, p.PRICES_READ, "Price rules, oldest first",
        query=price_rules.PriceRuleQuery, reply=PageBody[price_rules.PriceRuleBody]),
    _to("POST", "/v1/price-rules", price_rules.add_price_rule, p.PRICES_WRITE,
        "Set a price rule for those directly below", status=201,
        body=price_rules.NewPriceRule, reply=price_rules.PriceRuleBody),
    _to("DELETE", "/v1/price-rules/{price_rule_id}", price_rules.end_price_rule, p.PRICES_WRITE,
        "End a price rule now; orders placed keep their prices", reply=price_rules.PriceRuleBody),
)

_ORDERING = (
    _to("GET", "/v1/orders", orders.list_orders, p.ORDERS_READ, "Orders, newest first",
        query=orders.OrderQuery, reply=PageBody[orders.OrderBody]),
    _to("POST", "/v1/orders", orders.open_order, p.ORDERS_WRITE, "Open a draft", status=201, dry_run=True,
        body=orders.NewOrder, reply=orders.OrderBody),
    _to("GET", "/v1/orders/{order_id}", orders.get_order, p.ORDERS_READ,
        "An order with its lines, and why each of them waits", reply=orders.OrderBody),
    _to("PATCH", "/v1/orders/{order_id}", orders.change_order, p.ORDERS_WRITE, "Change the header of a draft",
        description=_DRAFT_ONLY, body=orders.OrderChange, reply=orders.OrderBody),
    _to("DELETE", "/v1/orders/{order_id}", orders.delete_order, p.ORDERS_WRITE, "Throw a draft away", status=204,
        description="Its history stays."),
    _to("POST", "/v1/orders/{order_id}/lines", order_lines.add_line, p.ORDERS_WRITE, "Add a line to a draft",
        status=201, dry_run=True, description=_DRAFT_ONLY, body=orders.NewLine, reply=orders.OrderBody),
    _to("PATCH", "/v1/orders/{order_id}/lines/{line_id}", order_lines.change_line, p.ORDERS_WRITE,
        "Change a line of a draft", dry_run=True, description=_DRAFT_ONLY,
        body=order_lines.LineChange, reply=orders.OrderBody),
    _to("DELETE", "/v1/orders/{order_id}/lines/{line_id}", order_lines.drop_line, p.ORDERS_WRITE,
        "Take a line out of a draft", description=_DRAFT_ONLY, reply=orders.OrderBody),
    _to("POST", "/v1/orders/{order_id}/checkout", orders.checkout_order, p.ORDERS_CHECKOUT, "Place an order",
        status=202, dry_run=True, reply=orders.OrderBody,
        description="Everything is checked and priced once more, and every problem named at once; as a dry run this "
        "is the preview. Follow the order to see its lines fulfilled."),
    _to("POST", "/v1/orders/{order_id}/cancel", orders.cancel_order, p.ORDERS_CANCEL,
        "Cancel an order that no vendor has yet", body=orders.Cancellation, reply=orders.OrderBody),
    _to("GET", "/v1/orders/{order_id}/events", orders.list_order_events, p.ORDERS_READ,
        "What happened to an order, oldest first", query=PageQuery, reply=PageBody[orders.OrderEvent]),
    _to("POST", "/v1/orders/{order_id}/lines/{line_id}/retry", stuck_lines.retry_line, p.FULFILMENT_OPERATE,
        "Try a stuck line again", reply=orders.OrderBody,
        description="Where the vendor may have done it already, it is asked first."),
    _to("POST", "/v1/orders/{order_id}/lines/{line_id}/complete", stuck_lines.complete_line, p.FULFILMENT_OPERATE,
        "Say that the vendor has done a stuck line", description=_MAYBE_EARLIER,
        body=stuck_lines.LineDone, reply=orders.OrderBody),
    _to("POST", "/v1/orders/{order_id}/lines/{line_id}/refuse", stuck_lines.refuse_line, p.FULFILMENT_OPERATE,
        "Say that a stuck line will not be done", description=_MAYBE_EARLIER,
        body=stuck_lines.LineRefusal, reply=orders.OrderBody),
    _to("GET", "/v1/subscriptions", subscriptions.list_subscriptions, p.SUBSCRIPTIONS_READ,
        "Subscriptions, oldest first",
        query=subscriptions.SubscriptionQuery, reply=PageBody[subscriptions.SubscriptionBody]),
    _to("GET", "/v1/subscriptions/{subscription_id}", subscriptions.get_subscription, p.SUBSCRIPTIONS_READ,
        "A subscription", reply=subscriptions.SubscriptionBody),
)

_FULFILMENT = (
    _to("GET", "/v1/fulfilment/waiting", fulfilment.list_waiting, p.FULFILMENT_READ,
        "What waits at a vendor and why, oldest first",
        query=fulfilment.WaitingQuery, reply=PageBody[fulfilment.WaitingBody]),
    _to("POST", "/v1/fulfilment/callbacks/{provider}", fulfilment.receive_callback, None,
        "A vendor's answer, later", public=True, status=204, body=bytes, accepts=("application/json",),
        description="Proven by its signature (`webhook-id`, `webhook-timestamp`, `webhook-signature`), not by a token.",
        max_body_bytes=MAX_CALLBACK_BYTES),
    _to("PUT", "/v1/sandbox/faults", sandbox.set_sandbox_faults, p.FULFILMENT_OPERATE,
        "Make the sandbox vendor fail", body=sandbox.FaultsBody, reply=sandbox.FaultsBody, once=False),
    _to("DELETE", "/v1/sandbox/faults", sandbox.clear_sandbox_faults, p.FULFILMENT_OPERATE,
        "Let the sandbox vendor work without faults", status=204, once=False),
    _to("GET", "/v1/sandbox/ledger", sandbox.read_sandbox_ledger, p.FULFILMENT_READ,
        "The books of the sandbox vendor", query=sandbox.LedgerQuery, reply=sandbox.LedgerBody),
)

_EVENTS = (
    _to("GET", "/v1/events", events.list_events, p.EVENTS_READ, "What happened, as a stream without gaps",
        description="For others to follow: what is committed late is not skipped.",
        query=events.StreamQuery, reply=events.StreamBody),
)
# fmt: on

ROUTES = (*_IDENTITY, *_CATALOG, *_ORDERING, *_FULFILMENT, *_EVENTS, *health.ROUTES)
