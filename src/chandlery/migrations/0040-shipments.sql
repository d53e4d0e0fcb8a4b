-- Parcels and what comes back: lines that are completed by shipping, shipments piece by piece, returns, refunds due.

ALTER TABLE order_lines
    ADD COLUMN fulfilled_by text NOT NULL DEFAULT 'provider'
        CONSTRAINT order_lines_fulfilled_by_known CHECK (fulfilled_by IN ('provider', 'shipment')),
    ADD COLUMN stocked boolean NOT NULL DEFAULT false,  -- placed: its pieces were taken off the shelf
    ADD COLUMN shipped_quantity bigint NOT NULL DEFAULT 0,
    ADD COLUMN returned_quantity bigint NOT NULL DEFAULT 0,
    ADD CONSTRAINT order_lines_shipped CHECK (shipped_quantity BETWEEN 0 AND quantity),
    ADD CONSTRAINT order_lines_returned CHECK (returned_quantity BETWEEN 0 AND quantity),
    DROP CONSTRAINT order_lines_waiting_for_check,
    ADD CONSTRAINT order_lines_waiting_for_known CHECK (waiting_for IN ('worker', 'vendor', 'operator', 'shipper'));

CREATE SEQUENCE shipment_serials START 1000001;
CREATE SEQUENCE return_serials START 1000001;
GRANT USAGE ON SEQUENCE shipment_serials, return_serials TO chandlery_app;

CREATE TABLE shipments (
    id                   uuid PRIMARY KEY,
    tenant_id            uuid NOT NULL REFERENCES tenants,
    number               text COLLATE "C" NOT NULL,
    owner_id             uuid NOT NULL,  -- the customer
    owner_path           text COLLATE "C" NOT NULL,
    seller_id            uuid,           -- who stands directly above the customer
    supplier_id          uuid,           -- who ships, where that is not the seller
    status               text NOT NULL CHECK (status IN ('planned', 'dispatched', 'delivered', 'cancelled')),
    carrier              text CHECK (length(carrier) BETWEEN 1 AND 200),
    service              text CHECK (length(service) BETWEEN 1 AND 200),
    packages             integer NOT NULL DEFAULT 1 CHECK (packages BETWEEN 1 AND 100000),
    tracking_number      text CHECK (length(tracking_number) BETWEEN 1 AND 3000),
    tracking_url         text CHECK (length(tracking_url) BETWEEN 1 AND 3000),
    delivery_note_number text CHECK (length(delivery_note_number) BETWEEN 1 AND 200),
    from_address         jsonb,          -- as they were printed on the parcel
    to_address           jsonb,
    attributes           jsonb NOT NULL DEFAULT '{}',
    expected_at          timestamptz,    -- when it is to arrive
    dispatched_at        timestamptz,
    delivered_at         timestamptz,
    created_at           timestamptz NOT NULL,
    version              integer NOT NULL DEFAULT 1,
    CONSTRAINT shipments_number_key UNIQUE (tenant_id, number),
    CONSTRAINT shipments_dispatched_at CHECK ((status IN ('dispatched', 'delivered')) = (dispatched_at IS NOT NULL)),
    CONSTRAINT shipments_delivered_at CHECK ((status = 'delivered') = (delivered_at IS NOT NULL))
);
CREATE INDEX shipments_of_tenant ON shipments (tenant_id, created_at, id);
CREATE INDEX shipments_of_owner ON shipments (tenant_id, owner_id, created_at, id);
CREATE INDEX shipments_of_seller ON shipments (tenant_id, seller_id, created_at, id);
CREATE INDEX shipments_of_supplier ON shipments (tenant_id, supplier_id, created_at, id) WHERE supplier_id IS NOT NULL;

-- How many pieces of which line are in a shipment; a line may be spread over several.
CREATE TABLE shipment_items (
    shipment_id    uuid NOT NULL REFERENCES shipments,
    line_id        uuid NOT NULL,
    order_id       uuid NOT NULL,
    tenant_id      uuid NOT NULL,
    owner_id       uuid NOT NULL,
    owner_path     text COLLATE "C" NOT NULL,
    supplier_id    uuid,
    quantity       bigint NOT NULL CHECK (quantity > 0),
    serial_numbers text[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (shipment_id, line_id),
    FOREIGN KEY (order_id, line_id) REFERENCES order_lines,
    CONSTRAINT shipment_items_serials CHECK (cardinality(serial_numbers) <= quantity)
);
CREATE INDEX shipment_items_of_line ON shipment_items (order_id, line_id);

ALTER TABLE shipments ENABLE ROW LEVEL SECURITY;
ALTER TABLE shipment_items ENABLE ROW LEVEL SECURITY;
CREATE POLICY subtree ON shipments USING (
    tenant_id = (SELECT scope_tenant())
    AND owner_path >= (SELECT scope_path()) AND owner_path < (SELECT scope_path_end())
);
CREATE POLICY subtree ON shipment_items USING (
    tenant_id = (SELECT scope_tenant())
    AND owner_path >= (SELECT scope_path()) AND owner_path < (SELECT scope_path_end())
);
CREATE POLICY assigned ON shipments USING (
    tenant_id = (SELECT scope_tenant()) AND supplier_id = (SELECT scope_org())
);
CREATE POLICY assigned ON shipment_items USING (
    tenant_id = (SELECT scope_tenant()) AND supplier_id = (SELECT scope_org())
);
GRANT SELECT, INSERT, UPDATE ON shipments TO chandlery_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON shipment_items TO chandlery_app;

-- The lines of some orders, as far as the caller sees them (its subtree's, and those that it supplies), and how many
-- pieces of each are in shipments already, other than p_except. It locks the orders, in the order of their ids: a
-- supplier may not, and of two shipments of one piece the second must see the first.
CREATE FUNCTION lines_to_ship(p_orders uuid[], p_except uuid)
RETURNS TABLE (
    order_id uuid, line_id uuid, line_position integer, customer_id uuid, supplier_id uuid, status text, fulfilled_by text, quantity bigint, planned bigint, serial_numbers text[]
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM FROM orders o
    WHERE o.id = ANY (p_orders) AND o.tenant_id = scope_tenant() AND (
        (o.owner_path >= scope_path() AND o.owner_path < scope_path_end()) OR EXISTS (
            SELECT FROM order_lines l WHERE l.order_id = o.id AND l.supplier_id = scope_org()))
    ORDER BY o.id FOR NO KEY UPDATE;
    RETURN QUERY
    SELECT l.order_id, l.id, l.position, l.owner_id, l.supplier_id, l.status, l.fulfilled_by, l.quantity,
           (SELECT coalesce(sum(i.quantity), 0)::bigint FROM shipment_items i JOIN shipments s ON s.id = i.shipment_id
            WHERE i.order_id = l.order_id AND i.line_id = l.id AND s.status <> 'cancelled'
              AND s.id IS DISTINCT FROM p_except),
           ARRAY(SELECT unnest(i.serial_numbers) FROM shipment_items i JOIN shipments s ON s.id = i.shipment_id
                 WHERE i.order_id = l.order_id AND i.line_id = l.id AND s.status <> 'cancelled'
                   AND s.id IS DISTINCT FROM p_except)
    FROM order_lines l
    WHERE l.order_id = ANY (p_orders) AND l.tenant_id = scope_tenant() AND (
        (l.owner_path >= scope_path() AND l.owner_path < scope_path_end()) OR l.supplier_id = scope_org());
END
$$;

-- Whom a shipment goes to: an organisation of the caller's subtree, or a customer whose lines it supplies.
CREATE FUNCTION receiver_of_shipment(p_customer uuid, p_orders uuid[]) RETURNS TABLE (id uuid, path text, seller_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT o.id, o.path, o.parent_id FROM organizations o
    WHERE o.id = p_customer AND o.tenant_id = scope_tenant() AND (
        (o.path >= scope_path() AND o.path < scope_path_end()) OR EXISTS (
            SELECT FROM order_lines l WHERE l.order_id = ANY (p_orders) AND l.owner_id = o.id
                AND l.tenant_id = o.tenant_id AND l.supplier_id = scope_org()))
$$;

-- The net below the rules of the room: what has left the house is not called off any more.
CREATE FUNCTION keep_what_was_shipped() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM shipment_items i JOIN shipments s ON s.id = i.shipment_id
               WHERE i.order_id = NEW.order_id AND i.line_id = NEW.id AND s.status IN ('dispatched', 'delivered')) THEN
        RAISE EXCEPTION 'pieces of this line are on their way'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'order_lines_on_their_way';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER keep_what_was_shipped BEFORE UPDATE OF status ON order_lines FOR EACH ROW
    WHEN (NEW.status = 'cancelled' AND OLD.status <> 'cancelled' AND NEW.fulfilled_by = 'shipment')
    EXECUTE FUNCTION keep_what_was_shipped();

CREATE TABLE returns (
    id           uuid PRIMARY KEY,
    tenant_id    uuid NOT NULL REFERENCES tenants,
    number       text COLLATE "C" NOT NULL,
    order_id     uuid NOT NULL REFERENCES orders,
    owner_id     uuid NOT NULL,  -- the customer
    owner_path   text COLLATE "C" NOT NULL,
    seller_id    uuid,
    requested_by uuid NOT NULL,
    status       text NOT NULL CONSTRAINT returns_status_known CHECK (status IN (
        'requested', 'approved', 'received', 'refunded', 'completed', 'rejected', 'cancelled')),
    note         text NOT NULL DEFAULT '',
    reason       text NOT NULL DEFAULT '',  -- why it was rejected
    attributes   jsonb NOT NULL DEFAULT '{}',
    created_at   timestamptz NOT NULL,
    approved_at  timestamptz,
    received_at  timestamptz,
    refunded_at  timestamptz,
    closed_at    timestamptz,
    version      integer NOT NULL DEFAULT 1,
    CONSTRAINT returns_number_key UNIQUE (tenant_id, number)
);
CREATE INDEX returns_of_tenant ON returns (tenant_id, created_at, id);
CREATE INDEX returns_of_owner ON returns (tenant_id, owner_id, created_at, id);
CREATE INDEX returns_of_seller ON returns (tenant_id, seller_id, created_at, id);
CREATE INDEX returns_of_order ON returns (order_id);

CREATE TABLE return_items (
    return_id      uuid NOT NULL REFERENCES returns,
    position       integer NOT NULL CHECK (position > 0),
    tenant_id      uuid NOT NULL,
    owner_id       uuid NOT NULL,
    owner_path     text COLLATE "C" NOT NULL,
    order_id       uuid NOT NULL,
    line_id        uuid NOT NULL,
    quantity       bigint NOT NULL CHECK (quantity > 0),
    serial_numbers text[] NOT NULL DEFAULT '{}',
    reason         text NOT NULL CHECK (reason IN ('cancellation', 'recall', 'undelivered', 'withdrawal', 'defect')),
    reason_code    text NOT NULL DEFAULT '',
    note           text NOT NULL DEFAULT '',
    PRIMARY KEY (return_id, position),
    FOREIGN KEY (order_id, line_id) REFERENCES order_lines
);
CREATE INDEX return_items_of_line ON return_items (order_id, line_id);

-- What each seller of the chain owes its buyer for the pieces: at most what was paid for them. Seen by those two alone.
CREATE TABLE return_refunds (
    return_id        uuid NOT NULL,
    position         integer NOT NULL,
    step             integer NOT NULL CHECK (step > 0),
    tenant_id        uuid NOT NULL,
    issuer_id        uuid NOT NULL,
    recipient_id     uuid NOT NULL,
    currency         text NOT NULL CHECK (length(currency) = 3),
    paid_minor       bigint NOT NULL CHECK (paid_minor >= 0),
    refund_minor     bigint,  -- NULL: not decided
    reduction_reason text NOT NULL DEFAULT '',
    reduction_text   text NOT NULL DEFAULT '',
    PRIMARY KEY (return_id, position, step),
    FOREIGN KEY (return_id, position) REFERENCES return_items,
    CONSTRAINT return_refunds_paid CHECK (refund_minor BETWEEN 0 AND paid_minor)
);

ALTER TABLE returns ENABLE ROW LEVEL SECURITY;
ALTER TABLE return_items ENABLE ROW LEVEL SECURITY;
ALTER TABLE return_refunds ENABLE ROW LEVEL SECURITY;
CREATE POLICY subtree ON returns USING (
    tenant_id = (SELECT scope_tenant())
    AND owner_path >= (SELECT scope_path()) AND owner_path < (SELECT scope_path_end())
);
CREATE POLICY subtree ON return_items USING (
    tenant_id = (SELECT scope_tenant())
    AND owner_path >= (SELECT scope_path()) AND owner_path < (SELECT scope_path_end())
);
CREATE POLICY pair ON return_refunds FOR SELECT USING (
    tenant_id = (SELECT scope_tenant())
    AND (issuer_id = (SELECT scope_org()) OR recipient_id = (SELECT scope_org()) OR (SELECT scope_is_system()))
);
CREATE POLICY issued ON return_refunds FOR UPDATE USING (
    tenant_id = (SELECT scope_tenant()) AND (issuer_id = (SELECT scope_org()) OR (SELECT scope_is_system()))
);
GRANT SELECT, INSERT, UPDATE ON returns TO chandlery_app;
GRANT SELECT, INSERT ON return_items TO chandlery_app;
GRANT SELECT, UPDATE (refund_minor, reduction_reason, reduction_text) ON return_refunds TO chandlery_app;

-- Works out, for every step of the price that the caller may not see, what was paid for the pieces of a new return.
-- All pieces of a line that come back together are worth what they cost together, to the last minor unit; what earlier
-- returns of the line stand for is taken off, so that no order of returns and rejections adds up to more than was paid.
CREATE FUNCTION set_return_refunds(p_return uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_item return_items;
BEGIN
    FOR v_item IN
        SELECT i.* FROM return_items i WHERE i.return_id = p_return AND i.tenant_id = scope_tenant()
            AND i.owner_path >= scope_path() AND i.owner_path < scope_path_end() ORDER BY i.position
    LOOP
        INSERT INTO return_refunds (return_id, position, step, tenant_id, issuer_id, recipient_id, currency, paid_minor)
        SELECT p_return, v_item.position, p.step, p.tenant_id, p.issuer_id, p.recipient_id, p.currency,
               greatest(0, least(
                   div(p.amount_minor::numeric * (e.pieces + v_item.quantity), l.quantity) - e.paid,
                   ceil(p.amount_minor::numeric * v_item.quantity / l.quantity)))::bigint
        FROM order_line_prices p JOIN order_lines l ON l.order_id = p.order_id AND l.id = p.line_id
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(i.quantity), 0) AS pieces, coalesce(sum(f.paid_minor), 0) AS paid
            FROM return_refunds f JOIN return_items i USING (return_id, position) JOIN returns r ON r.id = i.return_id
            WHERE i.order_id = p.order_id AND i.line_id = p.line_id AND f.step = p.step
              AND r.status NOT IN ('rejected', 'cancelled')
        ) e
        WHERE p.order_id = v_item.order_id AND p.line_id = v_item.line_id AND p.issuer_id IS NOT NULL;
    END LOOP;
END
$$;

REVOKE EXECUTE ON FUNCTION lines_to_ship(uuid[], uuid), receiver_of_shipment(uuid, uuid[]), set_return_refunds(uuid),
    keep_what_was_shipped() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lines_to_ship(uuid[], uuid), receiver_of_shipment(uuid, uuid[]), set_return_refunds(uuid) TO chandlery_app;
