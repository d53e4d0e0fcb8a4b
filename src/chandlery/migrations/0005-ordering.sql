-- What has been asked for: orders, their lines, and what each pair of parties agreed on per line.

CREATE SEQUENCE order_serials START 1000001;
GRANT USAGE ON SEQUENCE order_serials TO chandlery_app;

CREATE TABLE orders (
    id           uuid PRIMARY KEY,
    tenant_id    uuid NOT NULL,
    serial       bigint NOT NULL,
    number       text COLLATE "C" NOT NULL CHECK (length(number) BETWEEN 1 AND 100),
    status       text NOT NULL CONSTRAINT orders_status_known CHECK (status IN (
        'draft', 'awaiting_approval', 'submitted', 'in_progress', 'needs_attention', 'completed', 'declined', 'cancelled')),
    -- One foreign key of four: each would lock the same few rows of organizations for every order placed. The other
    -- three ids are read off the owner's row and the session, and organisations are never deleted.
    owner_id     uuid NOT NULL REFERENCES organizations,  -- the customer
    owner_path   text COLLATE "C" NOT NULL,
    seller_id    uuid,                                    -- who stands directly above the customer
    placed_by    uuid NOT NULL,
    currency     text NOT NULL CHECK (length(currency) = 3),
    po_number    text COLLATE "C" CHECK (length(po_number) BETWEEN 1 AND 100),
    attributes   jsonb NOT NULL DEFAULT '{}',
    expires_at   timestamptz,
    created_at   timestamptz NOT NULL,
    submitted_at timestamptz,
    completed_at timestamptz,
    version      integer NOT NULL DEFAULT 1,
    CONSTRAINT orders_number_key UNIQUE (tenant_id, number),
    CONSTRAINT orders_only_drafts_expire CHECK (expires_at IS NULL OR status = 'draft'),
    CONSTRAINT orders_submitted_once CHECK (
        CASE WHEN status IN ('submitted', 'in_progress', 'needs_attention', 'completed') THEN submitted_at IS NOT NULL
             WHEN status IN ('draft', 'awaiting_approval', 'declined') THEN submitted_at IS NULL
             ELSE true END),
    CONSTRAINT orders_completed_at CHECK ((status = 'completed') = (completed_at IS NOT NULL))
);
-- No index mentions the status: an order changes it five times, and each change would then write every index.
CREATE INDEX orders_of_tenant ON orders (tenant_id, created_at, id);
CREATE INDEX orders_of_customer ON orders (tenant_id, owner_id, created_at, id);
CREATE INDEX orders_of_seller ON orders (tenant_id, seller_id, created_at, id);
CREATE INDEX orders_of_po_number ON orders (tenant_id, po_number, created_at, id) WHERE po_number IS NOT NULL;
CREATE INDEX orders_expiring ON orders (tenant_id, expires_at) WHERE expires_at IS NOT NULL;
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY subtree ON orders USING (
    tenant_id = (SELECT scope_tenant())
    AND owner_path >= (SELECT scope_path()) AND owner_path < (SELECT scope_path_end())
) WITH CHECK (
    tenant_id = (SELECT scope_tenant())
    AND owner_path >= (SELECT scope_path()) AND owner_path < (SELECT scope_path_end())
);
GRANT SELECT, INSERT, UPDATE, DELETE ON orders TO chandlery_app;

CREATE TABLE order_lines (
    order_id        uuid NOT NULL REFERENCES orders ON DELETE CASCADE,
    id              uuid NOT NULL,
    tenant_id       uuid NOT NULL,
    owner_id        uuid NOT NULL,
    owner_path      text COLLATE "C" NOT NULL,
    supplier_id     uuid,
    position        integer NOT NULL CHECK (position > 0),
    action          text NOT NULL CHECK (action IN ('create', 'change')),
    plan_id         uuid NOT NULL,
    plan_code       text NOT NULL,
    sku_code        text NOT NULL,
    name            text NOT NULL,
    provider        text NOT NULL,
    quantity        bigint NOT NULL CONSTRAINT order_lines_quantity CHECK (quantity BETWEEN 1 AND 1000000000),
    unit            text NOT NULL,
    term            text NOT NULL,
    billing_cycle   text NOT NULL,
    charge          text NOT NULL,
    characteristics jsonb NOT NULL DEFAULT '{}',
    status          text NOT NULL CONSTRAINT order_lines_status_known CHECK (status IN (
        'draft', 'submitted', 'in_progress', 'accepted', 'completed', 'refused', 'failed', 'unknown', 'cancelled')),
    reason          text,
    waiting_for     text CHECK (waiting_for IN ('worker', 'vendor', 'operator')),
    due             timestamptz,
    subscription_id uuid,
    PRIMARY KEY (order_id, id),
    CONSTRAINT order_lines_position_key UNIQUE (order_id, position)
);
CREATE INDEX order_lines_of_supplier ON order_lines (tenant_id, supplier_id, order_id) WHERE supplier_id IS NOT NULL;
ALTER TABLE order_lines ENABLE ROW LEVEL SECURITY;
CREATE POLICY subtree ON order_lines USING (
    tenant_id = (SELECT scope_tenant())
    AND owner_path >= (SELECT scope_path()) AND owner_path < (SELECT scope_path_end())
) WITH CHECK (
    tenant_id = (SELECT scope_tenant())
    AND owner_path >= (SELECT scope_path()) AND owner_path < (SELECT scope_path_end())
);
CREATE POLICY assigned ON order_lines FOR SELECT USING (
    tenant_id = (SELECT scope_tenant()) AND supplier_id = (SELECT scope_org())
);
GRANT SELECT, INSERT, UPDATE, DELETE ON order_lines TO chandlery_app;

-- One row per line and step of the waterfall, for the two parties of that step alone. Whoever orders sees at most two
-- of them, so all are written by set_line_prices.
CREATE TABLE order_line_prices (
    order_id     uuid NOT NULL,
    line_id      uuid NOT NULL,
    step         integer NOT NULL CHECK (step >= 0),
    tenant_id    uuid NOT NULL,
    issuer_id    uuid,  -- NULL: the vendor
    recipient_id uuid NOT NULL,
    rate         numeric NOT NULL,
    amount_minor bigint NOT NULL,
    currency     text NOT NULL CHECK (length(currency) = 3),
    PRIMARY KEY (order_id, line_id, step),
    FOREIGN KEY (order_id, line_id) REFERENCES order_lines ON DELETE CASCADE
);
ALTER TABLE order_line_prices ENABLE ROW LEVEL SECURITY;
CREATE POLICY pair ON order_line_prices FOR SELECT USING (
    tenant_id = (SELECT scope_tenant())
    AND (issuer_id = (SELECT scope_org()) OR recipient_id = (SELECT scope_org()) OR (SELECT scope_is_system()))
);
GRANT SELECT ON order_line_prices TO chandlery_app;

-- The net below the rules of the room: what was once placed stays.
CREATE FUNCTION keep_what_was_placed() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF OLD.status <> 'draft' THEN
        RAISE EXCEPTION 'only drafts are deleted' USING ERRCODE = 'check_violation', CONSTRAINT = TG_ARGV[0];
    END IF;
    RETURN OLD;
END
$$;
CREATE TRIGGER keep_what_was_placed BEFORE DELETE ON orders
    FOR EACH ROW EXECUTE FUNCTION keep_what_was_placed('orders_only_drafts_are_deleted');
CREATE TRIGGER keep_what_was_placed BEFORE DELETE ON order_lines
    FOR EACH ROW EXECUTE FUNCTION keep_what_was_placed('order_lines_only_drafts_are_deleted');

-- All steps of the prices of some lines of a draft, as the catalogue worked them out. Rows that stay the same are not
-- written again, which is what happens to most of them at checkout.
CREATE FUNCTION set_line_prices(p_order uuid, p_lines jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_currency text;
BEGIN
    SELECT o.currency INTO v_currency FROM orders o
    WHERE o.id = p_order AND o.status = 'draft' AND o.tenant_id = scope_tenant()
        AND o.owner_path >= scope_path() AND o.owner_path < scope_path_end();
    IF v_currency IS NULL THEN
        RAISE EXCEPTION 'no draft of this scope' USING ERRCODE = 'insufficient_privilege';
    END IF;
    INSERT INTO order_line_prices AS p
        (order_id, line_id, step, tenant_id, issuer_id, recipient_id, rate, amount_minor, currency)
    SELECT p_order, l.id, g.step, scope_tenant(), g.issuer_id, g.recipient_id, g.rate, g.amount_minor, v_currency
    FROM jsonb_to_recordset(p_lines) AS l(id uuid, prices jsonb) CROSS JOIN LATERAL jsonb_to_recordset(l.prices)
        AS g(step integer, issuer_id uuid, recipient_id uuid, rate numeric, amount_minor bigint)
    ON CONFLICT (order_id, line_id, step) DO UPDATE
    SET issuer_id = EXCLUDED.issuer_id, recipient_id = EXCLUDED.recipient_id, rate = EXCLUDED.rate,
        amount_minor = EXCLUDED.amount_minor
    WHERE (p.issuer_id, p.recipient_id, p.rate, p.amount_minor) IS DISTINCT FROM
        (EXCLUDED.issuer_id, EXCLUDED.recipient_id, EXCLUDED.rate, EXCLUDED.amount_minor);
    DELETE FROM order_line_prices p USING jsonb_to_recordset(p_lines) AS l(id uuid, prices jsonb)
    WHERE p.order_id = p_order AND p.line_id = l.id AND p.step >= jsonb_array_length(l.prices);  -- a shorter chain
END
$$;

-- Which tenants have drafts to expire, each by its own clock. Ids only: the sweep enters each tenant to do it.
CREATE FUNCTION tenants_with_expired_drafts(p_now timestamptz, p_limit integer) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT t.id FROM tenants t
    WHERE EXISTS (SELECT FROM orders o WHERE o.tenant_id = t.id AND o.expires_at <= p_now + t.clock_offset)
    ORDER BY t.id LIMIT p_limit
$$;

REVOKE EXECUTE ON FUNCTION set_line_prices(uuid, jsonb), tenants_with_expired_drafts(timestamptz, integer),
    keep_what_was_placed() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION set_line_prices(uuid, jsonb), tenants_with_expired_drafts(timestamptz, integer)
    TO chandlery_app;
