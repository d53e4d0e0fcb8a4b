-- How each order line is made real at a provider, and the ledger of the sandbox vendor.

CREATE TABLE provisionings (
    id               uuid PRIMARY KEY,  -- the line's own: it has one, and this is our reference at the provider
    tenant_id        uuid NOT NULL REFERENCES tenants,
    owner_id         uuid NOT NULL,
    owner_path       text COLLATE "C" NOT NULL,
    order_id         uuid NOT NULL,
    line_id          uuid NOT NULL CHECK (line_id = id),
    provider         text NOT NULL,
    action           text NOT NULL CHECK (action IN ('create', 'change')),
    state            text NOT NULL CHECK (state IN
                         ('in_flight', 'retrying', 'accepted', 'unknown', 'done', 'refused', 'failed')),
    attempts         integer NOT NULL,
    queries          integer NOT NULL DEFAULT 0,
    sent_at          timestamptz NOT NULL,
    next_at          timestamptz,
    vendor_reference text,
    reason           text NOT NULL DEFAULT '',
    answer           jsonb,  -- what a callback said, until the order's own job has read it
    created_at       timestamptz NOT NULL
);
CREATE INDEX provisionings_order ON provisionings (order_id);
CREATE INDEX provisionings_waiting ON provisionings (tenant_id, owner_id, created_at, id) WHERE state <> 'done';
CREATE INDEX provisionings_waiting_all ON provisionings (tenant_id, created_at, id) WHERE state <> 'done';
ALTER TABLE provisionings ENABLE ROW LEVEL SECURITY;
CREATE POLICY subtree ON provisionings USING (
    tenant_id = (SELECT scope_tenant())
    AND owner_path >= (SELECT scope_path()) AND owner_path < (SELECT scope_path_end())
) WITH CHECK (
    tenant_id = (SELECT scope_tenant())
    AND owner_path >= (SELECT scope_path()) AND owner_path < (SELECT scope_path_end())
);
GRANT SELECT, INSERT, UPDATE ON provisionings TO chandlery_app;

-- A callback names our reference before it is known whose it is.
CREATE FUNCTION tenant_of_provisioning(p_provider text, p_reference uuid) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $$ SELECT tenant_id FROM provisionings WHERE id = p_reference AND provider = p_provider $$;
REVOKE EXECUTE ON FUNCTION tenant_of_provisioning(text, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tenant_of_provisioning(text, uuid) TO chandlery_app;

-- Orders whose turn came a while ago and who nobody has turned to: their job was given up. Ids only, of all tenants.
CREATE FUNCTION overdue_provisionings(p_now timestamptz, p_late interval, p_limit integer)
RETURNS TABLE (tenant_id uuid, order_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT DISTINCT p.tenant_id, p.order_id FROM provisionings p JOIN tenants t ON t.id = p.tenant_id
    WHERE p.state IN ('in_flight', 'retrying', 'accepted', 'unknown') AND (p.next_at IS NOT NULL OR p.state = 'in_flight')
        AND coalesce(p.next_at, p.sent_at) < p_now + t.clock_offset - p_late
    LIMIT p_limit
$$;
REVOKE EXECUTE ON FUNCTION overdue_provisionings(timestamptz, interval, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION overdue_provisionings(timestamptz, interval, integer) TO chandlery_app;

-- The sandbox vendor: a foreign system that happens to live in the same database. It knows accounts (a tenant is one),
-- references and its own books, nothing of ours, and it does not notice when a request is sent to it twice.
CREATE SCHEMA sandbox_vendor;
GRANT USAGE ON SCHEMA sandbox_vendor TO chandlery_app;

CREATE TABLE sandbox_vendor.faults (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account        uuid NOT NULL,
    call           text NOT NULL CHECK (call IN ('send', 'query')),
    reference      text,     -- what it applies to; NULL: to any
    plan_code      text,
    sku_code       text,
    quantity       integer,
    characteristic text,
    value          text,
    behaviour      text NOT NULL CHECK (behaviour IN ('fail', 'refuse', 'accept', 'hang', 'lose_answer', 'lose_request')),
    times          integer,  -- how often for one reference; NULL: always
    seconds        double precision NOT NULL DEFAULT 0,
    reason         text NOT NULL DEFAULT ''
);
CREATE INDEX faults_account ON sandbox_vendor.faults (account, call, id);
CREATE TABLE sandbox_vendor.strikes (  -- how often a fault has hit a reference
    fault     bigint NOT NULL REFERENCES sandbox_vendor.faults ON DELETE CASCADE,
    reference text NOT NULL,
    times     integer NOT NULL,
    PRIMARY KEY (fault, reference)
);
CREATE TABLE sandbox_vendor.ledger (  -- one row per request that was carried out or taken on
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account         uuid NOT NULL,
    reference       text NOT NULL,
    action          text NOT NULL,
    plan_code       text NOT NULL,
    quantity        integer NOT NULL,
    characteristics jsonb NOT NULL,
    at              timestamptz NOT NULL,
    ready_at        timestamptz NOT NULL,
    callback_at     timestamptz
);
CREATE INDEX ledger_reference ON sandbox_vendor.ledger (account, reference);
CREATE INDEX ledger_callbacks ON sandbox_vendor.ledger (callback_at) WHERE callback_at IS NOT NULL;
-- Functions only: the app's role may talk to this vendor, not read its books.
ALTER TABLE sandbox_vendor.faults ENABLE ROW LEVEL SECURITY;
ALTER TABLE sandbox_vendor.strikes ENABLE ROW LEVEL SECURITY;
ALTER TABLE sandbox_vendor.ledger ENABLE ROW LEVEL SECURITY;

-- The first fault that fits and is not used up, and one strike more for it.
CREATE FUNCTION sandbox_vendor.strike(
    p_call text, p_account uuid, p_reference text, p_plan text, p_sku text, p_quantity integer, p_characteristics jsonb
) RETURNS sandbox_vendor.faults
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = sandbox_vendor, public, pg_temp AS $$
DECLARE
    v_fault faults;
BEGIN
    FOR v_fault IN
        SELECT f.* FROM faults f LEFT JOIN strikes s ON s.fault = f.id AND s.reference = p_reference
        WHERE f.account = p_account AND f.call = p_call
            AND (f.reference IS NULL OR f.reference = p_reference)
            AND (f.plan_code IS NULL OR f.plan_code = p_plan)
            AND (f.sku_code IS NULL OR f.sku_code = p_sku)
            AND (f.quantity IS NULL OR f.quantity = p_quantity)
            AND (f.characteristic IS NULL OR p_characteristics->>f.characteristic = f.value)
            AND (f.times IS NULL OR coalesce(s.times, 0) < f.times)
        ORDER BY f.id LIMIT 1
    LOOP
        INSERT INTO strikes VALUES (v_fault.id, p_reference, 1)
        ON CONFLICT (fault, reference) DO UPDATE SET times = strikes.times + 1;
        RETURN v_fault;
    END LOOP;
    RETURN NULL;
END
$$;

CREATE FUNCTION sandbox_vendor.send(
    p_account uuid, p_reference text, p_action text, p_plan text, p_sku text, p_quantity integer,
    p_characteristics jsonb, p_now timestamptz
) RETURNS TABLE (behaviour text, seconds double precision, reason text, entry bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = sandbox_vendor, public, pg_temp AS $$
DECLARE
    v_later interval := '0';
BEGIN
    behaviour := 'done';
    IF EXISTS (SELECT FROM faults f WHERE f.account = p_account AND f.call = 'send') THEN
        SELECT coalesce(f.behaviour, 'done'), f.seconds, f.reason INTO behaviour, seconds, reason
        FROM strike('send', p_account, p_reference, p_plan, p_sku, p_quantity, p_characteristics) f;
    END IF;
    IF behaviour IN ('done', 'accept', 'hang', 'lose_answer') THEN
        IF behaviour = 'accept' THEN
            v_later := make_interval(secs => seconds);
        END IF;
        INSERT INTO ledger (account, reference, action, plan_code, quantity, characteristics, at, ready_at, callback_at)
        VALUES (p_account, p_reference, p_action, p_plan, p_quantity, p_characteristics, p_now, p_now + v_later,
                CASE WHEN behaviour = 'accept' THEN p_now + v_later END)
        RETURNING id INTO entry;
    END IF;
    RETURN NEXT;
END
$$;

CREATE FUNCTION sandbox_vendor.query(p_account uuid, p_reference text, p_now timestamptz)
RETURNS TABLE (behaviour text, seconds double precision, reason text, entry bigint, ready boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = sandbox_vendor, public, pg_temp AS $$
BEGIN
    SELECT f.behaviour, f.seconds, f.reason INTO behaviour, seconds, reason
    FROM strike('query', p_account, p_reference, NULL, NULL, NULL, NULL) f;
    SELECT l.id, l.ready_at <= p_now INTO entry, ready FROM ledger l
    WHERE l.account = p_account AND l.reference = p_reference ORDER BY l.id LIMIT 1;
    RETURN NEXT;
END
$$;

-- Callbacks that are due; each is put off until its next try, so that only delivery ends it.
CREATE FUNCTION sandbox_vendor.due_callbacks(p_now timestamptz, p_again timestamptz, p_limit integer)
RETURNS TABLE (entry bigint, reference text)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = sandbox_vendor, public, pg_temp AS $$
    UPDATE ledger l SET callback_at = p_again FROM (
        SELECT d.id FROM ledger d WHERE d.callback_at <= p_now ORDER BY d.callback_at, d.id
        LIMIT p_limit FOR UPDATE SKIP LOCKED
    ) due WHERE l.id = due.id RETURNING l.id, l.reference
$$;

CREATE FUNCTION sandbox_vendor.callback_delivered(p_entry bigint) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = sandbox_vendor, public, pg_temp
AS $$ UPDATE ledger SET callback_at = NULL WHERE id = p_entry $$;

CREATE FUNCTION sandbox_vendor.set_fault(p_account uuid, p_fault jsonb) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = sandbox_vendor, public, pg_temp AS $$
    INSERT INTO faults (account, call, reference, plan_code, sku_code, quantity, characteristic, value, behaviour, times,
                        seconds, reason)
    SELECT p_account, f.call, f.reference, f.plan_code, f.sku_code, f.quantity, f.characteristic, f.value, f.behaviour,
           f.times, f.seconds, f.reason
    FROM jsonb_to_record(p_fault) AS f(call text, reference text, plan_code text, sku_code text, quantity integer,
        characteristic text, value text, behaviour text, times integer, seconds double precision, reason text)
$$;

CREATE FUNCTION sandbox_vendor.clear_faults(p_account uuid) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = sandbox_vendor, public, pg_temp
AS $$ DELETE FROM faults WHERE account = p_account $$;

-- The books of one account: what the vendor would show its customer.
CREATE FUNCTION sandbox_vendor.read_ledger(p_account uuid, p_limit integer)
RETURNS TABLE (entry bigint, reference text, action text, plan_code text, quantity integer, at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = sandbox_vendor, public, pg_temp AS $$
    SELECT l.id, l.reference, l.action, l.plan_code, l.quantity, l.at FROM ledger l
    WHERE l.account = p_account ORDER BY l.id DESC LIMIT p_limit
$$;

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA sandbox_vendor FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA sandbox_vendor TO chandlery_app;
REVOKE EXECUTE ON FUNCTION sandbox_vendor.strike(text, uuid, text, text, text, integer, jsonb) FROM chandlery_app;
