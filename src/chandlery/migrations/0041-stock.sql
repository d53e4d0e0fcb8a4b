-- What is on the shelf, and how pieces leave the house. A SKU without a row here is never short.

ALTER TABLE plans
    ADD COLUMN fulfilled_by text NOT NULL DEFAULT 'provider'
        CONSTRAINT plans_fulfilled_by_known CHECK (fulfilled_by IN ('provider', 'shipment')),
    ADD COLUMN supplier_id uuid REFERENCES organizations,  -- who ships it, where that is not the seller
    ADD CONSTRAINT plans_shipped_once CHECK (fulfilled_by = 'provider' OR charge = 'one_time');
GRANT UPDATE (fulfilled_by, supplier_id) ON plans TO chandlery_app;

CREATE TABLE stock (
    id         uuid PRIMARY KEY,
    tenant_id  uuid NOT NULL REFERENCES tenants,
    sku_id     uuid NOT NULL REFERENCES skus,
    location   text COLLATE "C" NOT NULL CHECK (length(location) BETWEEN 1 AND 100),
    quantity   bigint NOT NULL,           -- what can still be ordered; below zero only where more may be sold than is there
    oversell   boolean NOT NULL DEFAULT false,
    notify_at  bigint,                    -- from here on down somebody should order more
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    version    integer NOT NULL DEFAULT 1,
    CONSTRAINT stock_location_key UNIQUE (tenant_id, sku_id, location),
    CONSTRAINT stock_never_below_zero CHECK (quantity >= 0 OR oversell),
    CONSTRAINT stock_countable CHECK (quantity BETWEEN -1000000000000 AND 1000000000000)
);
CREATE INDEX stock_age ON stock (tenant_id, created_at, id);

-- From which shelf the pieces of a placed line were taken, as long as they have not come back to it.
CREATE TABLE stock_taken (
    order_id  uuid NOT NULL,
    line_id   uuid NOT NULL,
    stock_id  uuid NOT NULL REFERENCES stock ON DELETE CASCADE,
    tenant_id uuid NOT NULL,
    quantity  bigint NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (order_id, line_id, stock_id)
);
CREATE INDEX stock_taken_of_stock ON stock_taken (stock_id);

ALTER TABLE stock ENABLE ROW LEVEL SECURITY;
ALTER TABLE stock_taken ENABLE ROW LEVEL SECURITY;  -- no policy and no grant: functions only
CREATE POLICY tenant ON stock FOR SELECT USING (tenant_id = (SELECT scope_tenant()));
CREATE POLICY operator ON stock USING (tenant_id = (SELECT scope_org()));
GRANT SELECT, INSERT, DELETE ON stock TO chandlery_app;
GRANT UPDATE (quantity, oversell, notify_at, updated_at, version) ON stock TO chandlery_app;

-- The same view with three columns more; what price_offers says of a plan says this, too.
CREATE OR REPLACE VIEW plan_details WITH (security_invoker = true) AS
    SELECT p.tenant_id, p.id, p.code, p.sku_id, s.code AS sku_code, s.product_id, r.code AS product_code,
           r.name AS product_name, r.vendor_id, v.code AS vendor_code, v.provider, p.name, p.unit, p.term,
           p.billing_cycle, p.charge, p.segment, p.min_quantity, p.max_quantity, p.status, p.version,
           p.name_key, p.created_at,
           (SELECT coalesce(jsonb_agg(jsonb_build_object('name', c.name, 'label', c.label, 'kind', c.kind,
                'required', c.required, 'allowed', c.allowed) ORDER BY c.position, c.name), '[]')
            FROM (SELECT DISTINCT ON (x.name) x.* FROM characteristics x
                  WHERE x.tenant_id = p.tenant_id AND x.product_id = s.product_id
                    AND (x.plan_id IS NULL OR x.plan_id = p.id)
                  ORDER BY x.name, x.plan_id NULLS LAST) c) AS characteristics,
           (SELECT coalesce(jsonb_agg(a.base_plan_id ORDER BY a.base_plan_id), '[]') FROM addons a
            WHERE a.tenant_id = p.tenant_id AND a.plan_id = p.id) AS addon_of,
           p.fulfilled_by, p.supplier_id,
           (SELECT jsonb_build_array(sum(greatest(k.quantity, 0)), bool_or(k.oversell)) FROM stock k
            WHERE k.tenant_id = p.tenant_id AND k.sku_id = p.sku_id HAVING count(*) > 0) AS stock
    FROM plans p JOIN skus s ON s.id = p.sku_id JOIN products r ON r.id = s.product_id JOIN vendors v ON v.id = r.vendor_id;

-- Takes the pieces of the lines of an order off the shelves: [{line_id, sku_id, quantity}]. Shelves are locked in the
-- order of their ids, so that two orders wait for each other and never around a corner. Short, although the caller had
-- just read that there is enough: somebody was quicker, and the whole unit is carried out anew on what is left now.
CREATE FUNCTION take_stock(p_order uuid, p_lines jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_tenant uuid := scope_tenant();
    v_line record;
    v_shelf stock;
    v_left bigint;
    v_part bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM orders o WHERE o.id = p_order AND o.tenant_id = v_tenant
                   AND o.owner_path >= scope_path() AND o.owner_path < scope_path_end()) THEN
        RAISE EXCEPTION 'no order of this scope' USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM FROM stock s WHERE s.tenant_id = v_tenant
        AND s.sku_id IN (SELECT w.sku_id FROM jsonb_to_recordset(p_lines) AS w(sku_id uuid)) ORDER BY s.id FOR UPDATE;
    FOR v_line IN SELECT * FROM jsonb_to_recordset(p_lines) AS w(line_id uuid, sku_id uuid, quantity bigint) LOOP
        v_left := v_line.quantity;
        -- First what is there, location by location; then what may be sold without being there.
        FOR v_shelf IN
            SELECT s.* FROM stock s WHERE s.tenant_id = v_tenant AND s.sku_id = v_line.sku_id AND s.quantity > 0
            ORDER BY s.location
        LOOP
            v_part := least(v_left, v_shelf.quantity);
            PERFORM move_stock(v_shelf.id, p_order, v_line.line_id, v_part);
            v_left := v_left - v_part;
            EXIT WHEN v_left = 0;
        END LOOP;
        IF v_left > 0 THEN
            SELECT s.* INTO v_shelf FROM stock s WHERE s.tenant_id = v_tenant AND s.sku_id = v_line.sku_id
            ORDER BY s.oversell DESC, s.location LIMIT 1;
            IF v_shelf.oversell THEN
                PERFORM move_stock(v_shelf.id, p_order, v_line.line_id, v_left);
            ELSIF v_shelf.id IS NOT NULL THEN
                RAISE EXCEPTION 'short of %', v_line.sku_id USING ERRCODE = 'serialization_failure';
            END IF;
        END IF;
    END LOOP;
END
$$;

CREATE FUNCTION move_stock(p_stock uuid, p_order uuid, p_line uuid, p_quantity bigint) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE stock s SET quantity = s.quantity - p_quantity, updated_at = unit_now(), version = s.version + 1
    WHERE s.id = p_stock;
    INSERT INTO stock_taken AS t (order_id, line_id, stock_id, tenant_id, quantity)
    VALUES (p_order, p_line, p_stock, scope_tenant(), p_quantity)
    ON CONFLICT (order_id, line_id, stock_id) DO UPDATE SET quantity = t.quantity + EXCLUDED.quantity;
END
$$;

-- Puts pieces back on the shelves that they were taken from: [{line_id, quantity}], quantity NULL for all of a line.
-- Never more than were taken, so that saying it twice does no harm.
CREATE FUNCTION give_back_stock(p_order uuid, p_lines jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_line record;
    v_taken stock_taken;
    v_left bigint;
    v_part bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM orders o WHERE o.id = p_order AND o.tenant_id = scope_tenant()
                   AND o.owner_path >= scope_path() AND o.owner_path < scope_path_end()) THEN
        RAISE EXCEPTION 'no order of this scope' USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM FROM stock s WHERE s.id IN (
        SELECT t.stock_id FROM stock_taken t WHERE t.order_id = p_order
            AND t.line_id IN (SELECT w.line_id FROM jsonb_to_recordset(p_lines) AS w(line_id uuid))
    ) ORDER BY s.id FOR UPDATE;
    FOR v_line IN SELECT * FROM jsonb_to_recordset(p_lines) AS w(line_id uuid, quantity bigint) LOOP
        v_left := v_line.quantity;
        FOR v_taken IN
            SELECT t.* FROM stock_taken t WHERE t.order_id = p_order AND t.line_id = v_line.line_id ORDER BY t.stock_id
        LOOP
            v_part := least(v_taken.quantity, coalesce(v_left, v_taken.quantity));
            EXIT WHEN v_part = 0;
            UPDATE stock s SET quantity = s.quantity + v_part, updated_at = unit_now(), version = s.version + 1
            WHERE s.id = v_taken.stock_id;
            IF v_part = v_taken.quantity THEN
                DELETE FROM stock_taken t WHERE t.order_id = p_order AND t.line_id = v_line.line_id
                    AND t.stock_id = v_taken.stock_id;
            ELSE
                UPDATE stock_taken t SET quantity = t.quantity - v_part WHERE t.order_id = p_order
                    AND t.line_id = v_line.line_id AND t.stock_id = v_taken.stock_id;
            END IF;
            v_left := v_left - v_part;
        END LOOP;
    END LOOP;
END
$$;
REVOKE EXECUTE ON FUNCTION take_stock(uuid, jsonb), move_stock(uuid, uuid, uuid, bigint), give_back_stock(uuid, jsonb)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION take_stock(uuid, jsonb), give_back_stock(uuid, jsonb) TO chandlery_app;
