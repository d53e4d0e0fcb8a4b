-- How organisations pay: methods, payments between two parties, and every call to a processor, kept before it is made.

CREATE TABLE payment_methods (
    id         uuid PRIMARY KEY,
    tenant_id  uuid NOT NULL REFERENCES tenants,
    owner_id   uuid NOT NULL REFERENCES organizations,  -- who pays with it
    owner_path text COLLATE "C" NOT NULL,
    processor  text NOT NULL,  -- who moves the money; `manual`: people do, and it is written down here
    kind       text NOT NULL CHECK (kind IN ('card', 'bank_transfer', 'direct_debit', 'other')),
    label      text NOT NULL CHECK (length(label) BETWEEN 1 AND 200),
    token      text NOT NULL CHECK (length(token) <= 200),  -- the processor's name for it; shown to nobody
    status     text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'removed')),
    created_at timestamptz NOT NULL,
    version    integer NOT NULL DEFAULT 1
);
CREATE INDEX payment_methods_of_owner ON payment_methods (tenant_id, owner_id, created_at, id);
ALTER TABLE payment_methods ENABLE ROW LEVEL SECURITY;
CREATE POLICY subtree ON payment_methods USING (
    tenant_id = (SELECT scope_tenant())
    AND owner_path >= (SELECT scope_path()) AND owner_path < (SELECT scope_path_end())
);
GRANT SELECT, INSERT, UPDATE ON payment_methods TO chandlery_app;

-- The checks are the last word on money: nothing is captured that was not authorised, and no captured cent is refunded
-- or put on an invoice twice, whoever does so at the same time.
CREATE TABLE payments (
    id               uuid PRIMARY KEY,
    tenant_id        uuid NOT NULL REFERENCES tenants,
    payer_id         uuid NOT NULL,
    payee_id         uuid NOT NULL,
    method_id        uuid NOT NULL REFERENCES payment_methods,
    order_id         uuid,
    invoice_id       uuid,
    currency         text NOT NULL CHECK (length(currency) = 3),
    amount_minor     bigint NOT NULL CHECK (amount_minor > 0),
    status           text NOT NULL CHECK (status IN ('pending', 'authorized', 'partly_captured', 'captured',
                         'partly_refunded', 'refunded', 'voided', 'declined', 'failed')),
    authorized_minor bigint NOT NULL DEFAULT 0 CHECK (authorized_minor BETWEEN 0 AND amount_minor),
    captured_minor   bigint NOT NULL DEFAULT 0,
    refunded_minor   bigint NOT NULL DEFAULT 0 CHECK (refunded_minor >= 0),
    refunding_minor  bigint NOT NULL DEFAULT 0 CHECK (refunding_minor >= 0),  -- asked for, not answered
    allocated_minor  bigint NOT NULL DEFAULT 0 CHECK (allocated_minor >= 0),
    captures_itself  boolean NOT NULL,  -- as soon as it is authorised
    reason           text NOT NULL DEFAULT '',
    created_at       timestamptz NOT NULL,
    version          integer NOT NULL DEFAULT 1,
    CONSTRAINT payments_captured CHECK (captured_minor BETWEEN 0 AND authorized_minor),
    CONSTRAINT payments_spent_once CHECK (refunded_minor + refunding_minor + allocated_minor <= captured_minor)
);
CREATE INDEX payments_received ON payments (tenant_id, payee_id, created_at, id);
CREATE INDEX payments_made ON payments (tenant_id, payer_id, created_at, id);
CREATE INDEX payments_of_order ON payments (order_id, payee_id) WHERE order_id IS NOT NULL;
ALTER TABLE payments ENABLE ROW LEVEL SECURITY;
CREATE POLICY pair ON payments USING (
    tenant_id = (SELECT scope_tenant())
    AND (payee_id = (SELECT scope_org()) OR payer_id = (SELECT scope_org()) OR (SELECT scope_is_system()))
);
GRANT SELECT, INSERT, UPDATE ON payments TO chandlery_app;

-- What was asked of a processor, and what came of it: the history of a payment, and where a worker takes it up again.
CREATE TABLE payment_operations (
    id                  uuid PRIMARY KEY,  -- our reference at the processor, the same in every attempt
    tenant_id           uuid NOT NULL REFERENCES tenants,
    payment_id          uuid NOT NULL REFERENCES payments,
    payer_id            uuid NOT NULL,
    payee_id            uuid NOT NULL,
    kind                text NOT NULL CHECK (kind IN ('authorize', 'capture', 'void', 'refund')),
    amount_minor        bigint NOT NULL CHECK (amount_minor > 0),
    state               text NOT NULL CHECK (state IN
                            ('waiting', 'in_flight', 'accepted', 'unknown', 'done', 'refused', 'failed')),
    attempts            integer NOT NULL DEFAULT 0,
    queries             integer NOT NULL DEFAULT 0,
    sent_at             timestamptz,
    next_at             timestamptz,
    processor_reference text,
    reason              text NOT NULL DEFAULT '',
    principal           text NOT NULL,
    created_at          timestamptz NOT NULL
);
CREATE INDEX payment_operations_of_payment ON payment_operations (payment_id, created_at, id);
-- One at a time: what a payment allows follows from what has become of the operation before.
CREATE UNIQUE INDEX payment_operations_one_open ON payment_operations (payment_id)
    WHERE state NOT IN ('done', 'refused', 'failed');
CREATE INDEX payment_operations_open ON payment_operations (created_at) WHERE state NOT IN ('done', 'refused', 'failed');
ALTER TABLE payment_operations ENABLE ROW LEVEL SECURITY;
CREATE POLICY pair ON payment_operations USING (
    tenant_id = (SELECT scope_tenant())
    AND (payee_id = (SELECT scope_org()) OR payer_id = (SELECT scope_org()) OR (SELECT scope_is_system()))
);
GRANT SELECT, INSERT, UPDATE ON payment_operations TO chandlery_app;

-- Payments whose turn came a while ago and that nobody has turned to: their job was given up. Ids only, of all tenants.
CREATE FUNCTION overdue_payments(p_now timestamptz, p_late interval, p_limit integer)
RETURNS TABLE (tenant_id uuid, payment_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT DISTINCT p.tenant_id, p.payment_id FROM payment_operations p JOIN tenants t ON t.id = p.tenant_id
    WHERE p.state NOT IN ('done', 'refused', 'failed')
        AND coalesce(p.next_at, p.sent_at, p.created_at) < p_now + t.clock_offset - p_late
    LIMIT p_limit
$$;
REVOKE EXECUTE ON FUNCTION overdue_payments(timestamptz, interval, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION overdue_payments(timestamptz, interval, integer) TO chandlery_app;

-- The sandbox processor: a foreign system that happens to live in the same database. It does not notice when a request
-- comes twice; its books then show two entries. How it behaves stands in the token of the method (see the code).
CREATE SCHEMA sandbox_processor;
GRANT USAGE ON SCHEMA sandbox_processor TO chandlery_app;

CREATE TABLE sandbox_processor.calls (  -- how often a request has come
    account   uuid NOT NULL,
    reference text NOT NULL,
    times     integer NOT NULL,
    PRIMARY KEY (account, reference)
);
CREATE TABLE sandbox_processor.ledger (  -- one row per request that was carried out or taken on
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account      uuid NOT NULL,
    reference    text NOT NULL,
    operation    text NOT NULL,
    amount_minor bigint NOT NULL,
    currency     text NOT NULL,
    at           timestamptz NOT NULL,
    ready_at     timestamptz NOT NULL
);
CREATE INDEX ledger_reference ON sandbox_processor.ledger (account, reference);
ALTER TABLE sandbox_processor.calls ENABLE ROW LEVEL SECURITY;
ALTER TABLE sandbox_processor.ledger ENABLE ROW LEVEL SECURITY;

CREATE FUNCTION sandbox_processor.send(
    p_account uuid, p_reference text, p_operation text, p_amount bigint, p_currency text, p_now timestamptz,
    p_behaviour text, p_number integer
) RETURNS TABLE (behaviour text, entry bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = sandbox_processor, public, pg_temp AS $$
DECLARE
    v_times integer;
BEGIN
    INSERT INTO calls AS c VALUES (p_account, p_reference, 1)
    ON CONFLICT (account, reference) DO UPDATE SET times = c.times + 1 RETURNING c.times INTO v_times;
    behaviour := p_behaviour;
    IF p_behaviour IN ('fail', 'lose_answer', 'lose_request', 'hang') AND v_times > p_number THEN
        behaviour := 'done';
    END IF;
    IF behaviour IN ('done', 'delay', 'lose_answer', 'hang') THEN
        INSERT INTO ledger (account, reference, operation, amount_minor, currency, at, ready_at)
        VALUES (p_account, p_reference, p_operation, p_amount, p_currency, p_now,
                p_now + CASE WHEN behaviour = 'delay' THEN make_interval(secs => p_number) ELSE '0' END)
        RETURNING id INTO entry;
    END IF;
    RETURN NEXT;
END
$$;

CREATE FUNCTION sandbox_processor.query(p_account uuid, p_reference text, p_now timestamptz)
RETURNS TABLE (entry bigint, ready boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = sandbox_processor, public, pg_temp AS $$
    SELECT l.id, l.ready_at <= p_now FROM ledger l
    WHERE l.account = p_account AND l.reference = p_reference ORDER BY l.id LIMIT 1
$$;

-- The books of one account: what the processor would show its customer.
CREATE FUNCTION sandbox_processor.read_ledger(p_account uuid, p_limit integer)
RETURNS TABLE (entry bigint, reference text, operation text, amount_minor bigint, currency text, at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = sandbox_processor, public, pg_temp AS $$
    SELECT l.id, l.reference, l.operation, l.amount_minor, l.currency, l.at FROM ledger l
    WHERE l.account = p_account ORDER BY l.id DESC LIMIT p_limit
$$;

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA sandbox_processor FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA sandbox_processor TO chandlery_app;
