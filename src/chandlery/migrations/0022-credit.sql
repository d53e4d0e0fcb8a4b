-- How much one organisation may owe another (or allows itself to spend), and what the orders placed take of it.

CREATE TABLE credit_limits (
    id             uuid PRIMARY KEY,
    tenant_id      uuid NOT NULL REFERENCES tenants,
    issuer_id      uuid NOT NULL REFERENCES organizations,
    recipient_id   uuid NOT NULL REFERENCES organizations,
    recipient_path text COLLATE "C" NOT NULL,
    currency       text NOT NULL CHECK (length(currency) = 3),
    period         text NOT NULL CHECK (period IN ('month', 'open')),
    amount_minor   bigint NOT NULL CHECK (amount_minor >= 0),
    beyond         text NOT NULL CHECK (beyond IN ('refuse', 'hold')),
    created_at     timestamptz NOT NULL,
    version        integer NOT NULL DEFAULT 1,
    CONSTRAINT credit_limits_one_each UNIQUE (issuer_id, recipient_id, currency, period)
);
CREATE INDEX credit_limits_issued ON credit_limits (tenant_id, issuer_id, created_at, id);
CREATE INDEX credit_limits_received ON credit_limits (tenant_id, recipient_id, created_at, id);
CREATE INDEX credit_limits_of_path ON credit_limits (tenant_id, recipient_path);
ALTER TABLE credit_limits ENABLE ROW LEVEL SECURITY;
CREATE POLICY pair ON credit_limits FOR SELECT USING (
    tenant_id = (SELECT scope_tenant())
    AND (issuer_id = (SELECT scope_org()) OR recipient_id = (SELECT scope_org()) OR (SELECT scope_is_system()))
);
CREATE POLICY issued ON credit_limits USING (
    tenant_id = (SELECT scope_tenant()) AND issuer_id = (SELECT scope_org())
) WITH CHECK (
    tenant_id = (SELECT scope_tenant()) AND issuer_id = (SELECT scope_org())
);
GRANT SELECT, INSERT, UPDATE, DELETE ON credit_limits TO chandlery_app;

-- What an order takes of a limit. Written by functions alone: whoever orders is a party to one or two of them.
CREATE TABLE credit_uses (
    limit_id     uuid NOT NULL REFERENCES credit_limits ON DELETE CASCADE,
    order_id     uuid NOT NULL,
    tenant_id    uuid NOT NULL,
    issuer_id    uuid NOT NULL,
    recipient_id uuid NOT NULL,
    month        date NOT NULL,  -- in which the order was placed, UTC
    amount_minor bigint NOT NULL CHECK (amount_minor >= 0),
    settled_at   timestamptz,
    PRIMARY KEY (order_id, limit_id)
);
CREATE INDEX credit_uses_of_month ON credit_uses (limit_id, month) INCLUDE (amount_minor);
CREATE INDEX credit_uses_open ON credit_uses (limit_id) INCLUDE (amount_minor) WHERE settled_at IS NULL;
ALTER TABLE credit_uses ENABLE ROW LEVEL SECURITY;
CREATE POLICY pair ON credit_uses FOR SELECT USING (
    tenant_id = (SELECT scope_tenant())
    AND (issuer_id = (SELECT scope_org()) OR recipient_id = (SELECT scope_org()) OR (SELECT scope_is_system()))
);
GRANT SELECT ON credit_uses TO chandlery_app;

-- What a limit has been used for: the orders of this month, or all that are not settled yet.
CREATE FUNCTION credit_used(p_limit uuid, p_period text) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
BEGIN
    IF p_period = 'open' THEN
        RETURN (SELECT coalesce(sum(u.amount_minor), 0) FROM credit_uses u
                WHERE u.limit_id = p_limit AND u.settled_at IS NULL);
    END IF;
    RETURN (SELECT coalesce(sum(u.amount_minor), 0) FROM credit_uses u
            WHERE u.limit_id = p_limit AND u.month = date_trunc('month', unit_now() AT TIME ZONE 'UTC')::date);
END
$$;

-- The limits that an order falls under, locked, with what is used of each and what the order would add. VOLATILE on
-- purpose: what is summed after the lock was waited for includes what its last holder wrote.
CREATE FUNCTION credit_claims(p_order uuid) RETURNS TABLE (
    limit_id uuid, issuer_id uuid, recipient_id uuid, currency text, amount_minor bigint, beyond text,
    used_minor bigint, wanted_minor bigint, wanted_currency text
) LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_path text;
    v_limit credit_limits;
BEGIN
    SELECT o.owner_path, o.currency INTO v_path, wanted_currency FROM orders o
    WHERE o.id = p_order AND o.tenant_id = scope_tenant()
        AND o.owner_path >= scope_path() AND o.owner_path < scope_path_end();
    FOR v_limit IN
        SELECT l.* FROM credit_limits l
        WHERE l.tenant_id = scope_tenant() AND l.recipient_path = ANY (paths_up(v_path))
        ORDER BY l.id FOR NO KEY UPDATE
    LOOP
        limit_id := v_limit.id;
        issuer_id := v_limit.issuer_id;
        recipient_id := v_limit.recipient_id;
        currency := v_limit.currency;
        amount_minor := v_limit.amount_minor;
        beyond := v_limit.beyond;
        used_minor := credit_used(v_limit.id, v_limit.period);
        wanted_minor := (
            SELECT coalesce(sum(p.amount_minor), 0) FROM order_line_prices p
            WHERE p.order_id = p_order AND p.recipient_id = v_limit.recipient_id);
        RETURN NEXT;
    END LOOP;
END
$$;

-- An order placed takes its part of every limit in its currency.
CREATE FUNCTION take_credit(p_order uuid, p_settled boolean) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    INSERT INTO credit_uses (limit_id, order_id, tenant_id, issuer_id, recipient_id, month, amount_minor, settled_at)
    SELECT l.id, o.id, o.tenant_id, l.issuer_id, l.recipient_id,
        date_trunc('month', unit_now() AT TIME ZONE 'UTC')::date, coalesce(sum(p.amount_minor), 0),
        CASE WHEN p_settled AND l.issuer_id = scope_org() THEN unit_now() END
    FROM orders o
    JOIN credit_limits l ON l.tenant_id = o.tenant_id AND l.currency = o.currency
        AND l.recipient_path = ANY (paths_up(o.owner_path))
    LEFT JOIN order_line_prices p ON p.order_id = o.id AND p.recipient_id = l.recipient_id
    WHERE o.id = p_order AND o.tenant_id = scope_tenant()
        AND o.owner_path >= scope_path() AND o.owner_path < scope_path_end()
    GROUP BY l.id, o.id
    ON CONFLICT (order_id, limit_id) DO NOTHING
$$;

-- What is cancelled is owed by nobody: each use comes down to the lines that are left.
CREATE FUNCTION give_credit_back(p_order uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM FROM credit_limits l WHERE l.id IN (SELECT u.limit_id FROM credit_uses u WHERE u.order_id = p_order)
        AND l.tenant_id = scope_tenant() ORDER BY l.id FOR NO KEY UPDATE;
    UPDATE credit_uses u SET amount_minor = (
        SELECT coalesce(sum(p.amount_minor), 0) FROM order_line_prices p
        JOIN order_lines l ON l.order_id = p.order_id AND l.id = p.line_id AND l.status <> 'cancelled'
        WHERE p.order_id = p_order AND p.recipient_id = u.recipient_id)
    WHERE u.order_id = p_order AND u.tenant_id = scope_tenant() AND EXISTS (
        SELECT FROM orders o WHERE o.id = p_order AND o.tenant_id = scope_tenant()
            AND o.owner_path >= scope_path() AND o.owner_path < scope_path_end());
END
$$;

-- The issuer of a limit says that an order was paid or invoiced. False: it takes nothing of this limit any more.
CREATE FUNCTION settle_credit(p_limit uuid, p_order uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE credit_uses u SET settled_at = unit_now()
    WHERE u.limit_id = p_limit AND u.order_id = p_order AND u.settled_at IS NULL
        AND u.tenant_id = scope_tenant() AND u.issuer_id = scope_org();
    RETURN FOUND;
END
$$;

-- All that binds an order of an organisation, in one answer: its own and what those above it have set. NULL where
-- nobody has set anything, which is what most checkouts find.
CREATE FUNCTION order_terms(p_path text) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_tenant uuid := scope_tenant();
    v_up text[];
BEGIN
    IF NOT (EXISTS (SELECT FROM custom_fields f WHERE f.tenant_id = v_tenant)
            OR EXISTS (SELECT FROM approval_rules r WHERE r.tenant_id = v_tenant)
            OR EXISTS (SELECT FROM credit_limits l WHERE l.tenant_id = v_tenant))
        OR p_path < scope_path() OR p_path >= scope_path_end() THEN
        RETURN NULL;
    END IF;
    v_up := paths_up(p_path);
    RETURN jsonb_build_object(
        'fields', (
            SELECT coalesce(jsonb_agg(to_jsonb(f) - 'tenant_id' ORDER BY f.created_at, f.id), '[]')
            FROM custom_fields_in_force f
            WHERE f.tenant_id = v_tenant AND f.owner_path = ANY (v_up) AND f.noun IN ('order', 'line')),
        'rules', (
            SELECT coalesce(jsonb_agg(to_jsonb(r) - 'tenant_id'
                ORDER BY r.owner_path COLLATE "C" DESC, r.created_at, r.id), '[]')
            FROM approval_rules r WHERE r.tenant_id = v_tenant AND r.active AND r.target_path = ANY (v_up)),
        'limited', EXISTS (
            SELECT FROM credit_limits l WHERE l.tenant_id = v_tenant AND l.recipient_path = ANY (v_up)));
END
$$;

REVOKE EXECUTE ON FUNCTION credit_used(uuid, text), credit_claims(uuid), take_credit(uuid, boolean),
    give_credit_back(uuid), settle_credit(uuid, uuid), order_terms(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION credit_used(uuid, text), credit_claims(uuid), take_credit(uuid, boolean),
    give_credit_back(uuid), settle_credit(uuid, uuid), order_terms(text) TO chandlery_app;
