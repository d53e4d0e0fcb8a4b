-- What can be bought and for how much: vendors, products, SKUs, plans, list prices, price rules, and how sheets land.

-- A UUID version 7 for rows that are born inside one set-based statement, where no application can hand in an id.
CREATE FUNCTION time_ordered_id() RETURNS uuid LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    SELECT encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) PLACING
        substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6), 52, 1), 53, 1),
        'hex')::uuid
$$;

CREATE TABLE vendors (
    id         uuid PRIMARY KEY,
    tenant_id  uuid NOT NULL REFERENCES tenants,
    code       text COLLATE "C" NOT NULL CHECK (length(code) BETWEEN 1 AND 100),
    name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    provider   text NOT NULL DEFAULT 'sandbox',  -- who fulfils; a word of fulfilment's, opaque here
    created_at timestamptz NOT NULL,
    CONSTRAINT vendors_code_key UNIQUE (tenant_id, code)
);

CREATE TABLE products (
    id         uuid PRIMARY KEY,
    tenant_id  uuid NOT NULL REFERENCES tenants,
    vendor_id  uuid NOT NULL REFERENCES vendors,
    code       text COLLATE "C" NOT NULL CHECK (length(code) BETWEEN 1 AND 100),
    name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 300),
    created_at timestamptz NOT NULL,
    CONSTRAINT products_code_key UNIQUE (tenant_id, vendor_id, code)
);
CREATE INDEX products_by_code ON products (tenant_id, code, id);

CREATE TABLE skus (
    id          uuid PRIMARY KEY,
    tenant_id   uuid NOT NULL REFERENCES tenants,
    product_id  uuid NOT NULL REFERENCES products,
    code        text COLLATE "C" NOT NULL CHECK (length(code) BETWEEN 1 AND 150),
    name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 300),
    description text NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL,
    CONSTRAINT skus_code_key UNIQUE (tenant_id, code)
);
CREATE INDEX skus_of_product ON skus (tenant_id, product_id, code);

CREATE TABLE plans (
    id            uuid PRIMARY KEY,
    tenant_id     uuid NOT NULL REFERENCES tenants,
    sku_id        uuid NOT NULL REFERENCES skus,
    code          text COLLATE "C" NOT NULL CHECK (length(code) BETWEEN 1 AND 200),
    name          text NOT NULL CHECK (length(name) BETWEEN 1 AND 300),
    unit          text NOT NULL CHECK (length(unit) BETWEEN 1 AND 50),
    term          text NOT NULL CHECK (term = '' OR term ~ '^P[1-9][0-9]{0,2}[DWMY]$'),
    billing_cycle text NOT NULL CHECK (billing_cycle IN ('monthly', 'annual', 'term', 'one_time', 'usage')),
    charge        text NOT NULL CHECK (charge IN ('recurring', 'one_time', 'metered')),
    segment       text NOT NULL DEFAULT '',
    min_quantity  integer NOT NULL DEFAULT 1 CHECK (min_quantity >= 1),
    max_quantity  integer CHECK (max_quantity >= min_quantity),
    status        text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'retired')),
    created_at    timestamptz NOT NULL,
    version       integer NOT NULL DEFAULT 1,
    CONSTRAINT plans_code_key UNIQUE (tenant_id, code),
    CHECK ((billing_cycle = 'one_time') = (charge = 'one_time')),
    CHECK ((billing_cycle = 'usage') = (charge = 'metered'))
);
CREATE INDEX plans_of_sku ON plans (tenant_id, sku_id);

-- What must be said when ordering; without a plan it holds for every plan of the product.
CREATE TABLE characteristics (
    id         uuid PRIMARY KEY,
    tenant_id  uuid NOT NULL REFERENCES tenants,
    product_id uuid NOT NULL REFERENCES products,
    plan_id    uuid REFERENCES plans,
    name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    label      text NOT NULL CHECK (length(label) BETWEEN 1 AND 200),
    kind       text NOT NULL CHECK (kind IN ('text', 'number', 'boolean', 'choice')),
    required   boolean NOT NULL,
    allowed    text[] NOT NULL DEFAULT '{}',
    position   integer NOT NULL DEFAULT 0,
    CONSTRAINT characteristics_name_key UNIQUE NULLS NOT DISTINCT (tenant_id, product_id, plan_id, name)
);

-- A plan that is bought only together with, or on top of, one of its bases.
CREATE TABLE addons (
    tenant_id    uuid NOT NULL REFERENCES tenants,
    plan_id      uuid NOT NULL REFERENCES plans,
    base_plan_id uuid NOT NULL REFERENCES plans,
    PRIMARY KEY (tenant_id, plan_id, base_plan_id),
    CONSTRAINT addons_of_itself CHECK (plan_id <> base_plan_id)
);

-- The vendor's prices as published: for `periods` billing periods together, so that nothing is lost in a division.
CREATE TABLE list_prices (
    id              uuid PRIMARY KEY,
    tenant_id       uuid NOT NULL REFERENCES tenants,
    plan_id         uuid NOT NULL REFERENCES plans,
    market          text COLLATE "C" NOT NULL DEFAULT '',  -- '' is every market
    currency        text COLLATE "C" NOT NULL CHECK (length(currency) = 3),
    min_quantity    integer NOT NULL DEFAULT 1 CHECK (min_quantity >= 1),
    max_quantity    integer CHECK (max_quantity >= min_quantity),
    cost            numeric NOT NULL CHECK (cost >= 0),
    retail          numeric NOT NULL CHECK (retail >= 0),
    periods         integer NOT NULL DEFAULT 1 CHECK (periods >= 1),
    effective_from  timestamptz NOT NULL,
    effective_until timestamptz NOT NULL DEFAULT '9999-12-31Z' CHECK (effective_until > effective_from),
    CONSTRAINT list_prices_series_key UNIQUE (tenant_id, plan_id, currency, market, min_quantity, effective_from)
);

CREATE TABLE price_rules (
    id              uuid PRIMARY KEY,
    tenant_id       uuid NOT NULL REFERENCES tenants,
    issuer_id       uuid NOT NULL REFERENCES organizations,
    recipient_id    uuid REFERENCES organizations,  -- NULL: every organisation directly below the issuer
    target_kind     text NOT NULL CHECK (target_kind IN ('all', 'vendor', 'product', 'sku', 'plan')),
    target_id       uuid,
    kind            text NOT NULL CHECK (kind IN ('percent', 'fixed', 'override', 'list_percent')),
    value           numeric NOT NULL,
    currency        text COLLATE "C",
    min_quantity    integer NOT NULL DEFAULT 1 CHECK (min_quantity >= 1),
    effective_from  timestamptz NOT NULL,
    effective_until timestamptz NOT NULL DEFAULT '9999-12-31Z' CHECK (effective_until > effective_from),
    created_at      timestamptz NOT NULL,
    version         integer NOT NULL DEFAULT 1,
    CHECK ((target_kind = 'all') = (target_id IS NULL)),
    CHECK ((kind IN ('fixed', 'override')) = (currency IS NOT NULL))
);
CREATE INDEX price_rules_issued ON price_rules (tenant_id, issuer_id, created_at, id);
CREATE INDEX price_rules_received ON price_rules (tenant_id, recipient_id, created_at, id) WHERE recipient_id IS NOT NULL;

ALTER TABLE vendors ENABLE ROW LEVEL SECURITY;
ALTER TABLE products ENABLE ROW LEVEL SECURITY;
ALTER TABLE skus ENABLE ROW LEVEL SECURITY;
ALTER TABLE plans ENABLE ROW LEVEL SECURITY;
ALTER TABLE characteristics ENABLE ROW LEVEL SECURITY;
ALTER TABLE addons ENABLE ROW LEVEL SECURITY;
ALTER TABLE list_prices ENABLE ROW LEVEL SECURITY;
ALTER TABLE price_rules ENABLE ROW LEVEL SECURITY;

-- The catalogue is the tenant's: everybody in it may look, its operator alone may change it.
CREATE POLICY tenant ON vendors FOR SELECT USING (tenant_id = (SELECT scope_tenant()));
CREATE POLICY tenant ON products FOR SELECT USING (tenant_id = (SELECT scope_tenant()));
CREATE POLICY tenant ON skus FOR SELECT USING (tenant_id = (SELECT scope_tenant()));
CREATE POLICY tenant ON plans FOR SELECT USING (tenant_id = (SELECT scope_tenant()));
CREATE POLICY tenant ON characteristics FOR SELECT USING (tenant_id = (SELECT scope_tenant()));
CREATE POLICY tenant ON addons FOR SELECT USING (tenant_id = (SELECT scope_tenant()));
CREATE POLICY operator ON vendors FOR UPDATE USING (tenant_id = (SELECT scope_org()));
CREATE POLICY operator ON plans FOR UPDATE USING (tenant_id = (SELECT scope_org()));
CREATE POLICY operator ON characteristics USING (tenant_id = (SELECT scope_org()));
CREATE POLICY operator ON addons USING (tenant_id = (SELECT scope_org()));
-- What the vendor asks is between vendor and operator; others learn their own step from price_offers.
CREATE POLICY operator ON list_prices FOR SELECT USING (tenant_id = (SELECT scope_org()));
-- A rule is between its issuer and its recipient; one for everybody below is the issuer's alone.
CREATE POLICY pair ON price_rules FOR SELECT USING (
    tenant_id = (SELECT scope_tenant())
    AND (issuer_id = (SELECT scope_org()) OR recipient_id = (SELECT scope_org()) OR (SELECT scope_is_system()))
);
CREATE POLICY issued ON price_rules FOR INSERT WITH CHECK (
    tenant_id = (SELECT scope_tenant()) AND issuer_id = (SELECT scope_org())
);
CREATE POLICY ended ON price_rules FOR UPDATE USING (
    tenant_id = (SELECT scope_tenant()) AND issuer_id = (SELECT scope_org())
);

GRANT SELECT ON vendors, products, skus, plans, characteristics, addons, list_prices, price_rules TO chandlery_app;
GRANT UPDATE (name, provider) ON vendors TO chandlery_app;
GRANT UPDATE (status, min_quantity, max_quantity, version) ON plans TO chandlery_app;
GRANT INSERT, UPDATE, DELETE ON characteristics TO chandlery_app;
GRANT INSERT, DELETE ON addons TO chandlery_app;
GRANT INSERT ON price_rules TO chandlery_app;
GRANT UPDATE (effective_until, version) ON price_rules TO chandlery_app;

-- A plan with all above it, its characteristics (its own before its product's) and the plans it is an add-on of.
CREATE VIEW plan_details WITH (security_invoker = true) AS
    SELECT p.tenant_id, p.id, p.code, p.sku_id, s.code AS sku_code, s.product_id, r.code AS product_code,
           r.name AS product_name, r.vendor_id, v.code AS vendor_code, v.provider, p.name, p.unit, p.term,
           p.billing_cycle, p.charge, p.segment, p.min_quantity, p.max_quantity, p.status, p.version,
           (SELECT coalesce(jsonb_agg(jsonb_build_object('name', c.name, 'label', c.label, 'kind', c.kind,
                'required', c.required, 'allowed', c.allowed) ORDER BY c.position, c.name), '[]')
            FROM (SELECT DISTINCT ON (x.name) x.* FROM characteristics x
                  WHERE x.tenant_id = p.tenant_id AND x.product_id = s.product_id
                    AND (x.plan_id IS NULL OR x.plan_id = p.id)
                  ORDER BY x.name, x.plan_id NULLS LAST) c) AS characteristics,
           (SELECT coalesce(jsonb_agg(a.base_plan_id ORDER BY a.base_plan_id), '[]') FROM addons a
            WHERE a.tenant_id = p.tenant_id AND a.plan_id = p.id) AS addon_of
    FROM plans p JOIN skus s ON s.id = p.sku_id JOIN products r ON r.id = s.product_id JOIN vendors v ON v.id = r.vendor_id;
GRANT SELECT ON plan_details TO chandlery_app;

-- Everything that quoting a customer needs, in one answer: the chain of sellers, the plans asked for, their list
-- prices and the rules of every step. It sees rules that the caller may not read; the nouns above give each party its
-- own step only. NULL when the customer is not in the caller's subtree. Decimals travel as text: JSON readers round.
CREATE FUNCTION price_offers(p_customer uuid, p_plans uuid[], p_skus text[], p_currency text, p_at timestamptz)
RETURNS jsonb LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_tenant uuid := scope_tenant();
    v_at timestamptz := coalesce(p_at, unit_now());
    v_market text;
    v_path text;
    v_chain uuid[];
    v_wanted uuid[];
    v_targets uuid[];
BEGIN
    SELECT o.path, coalesce(o.attributes->>'market', '') INTO v_path, v_market FROM organizations o
    WHERE o.id = p_customer AND o.tenant_id = v_tenant AND o.path >= scope_path() AND o.path < scope_path_end();
    IF v_path IS NULL THEN
        RETURN NULL;
    END IF;
    -- A path up to any of its labels is the path of somebody above; a label is nine characters long.
    v_chain := ARRAY(
        SELECT o.id FROM organizations o
        WHERE o.path = ANY (ARRAY(SELECT left(v_path, 9 * n) FROM generate_series(1, length(v_path) / 9) AS n))
          AND o.tenant_id = v_tenant
        ORDER BY length(o.path)
    );
    v_wanted := ARRAY(
        SELECT unnest(p_plans)
        UNION SELECT p.id FROM plans p WHERE p.tenant_id = v_tenant AND p.code = ANY (p_skus)
        UNION SELECT p.id FROM skus s JOIN plans p ON p.tenant_id = s.tenant_id AND p.sku_id = s.id
        WHERE s.tenant_id = v_tenant AND s.code = ANY (p_skus)
    );
    v_targets := ARRAY(
        SELECT t.id FROM plans p JOIN skus s ON s.id = p.sku_id JOIN products r ON r.id = s.product_id
        CROSS JOIN LATERAL unnest(ARRAY[p.id, s.id, r.id, r.vendor_id]) AS t(id)
        WHERE p.id = ANY (v_wanted) AND p.tenant_id = v_tenant
    );
    RETURN jsonb_build_object(
        'market', v_market,
        'at', v_at,
        'chain', v_chain,
        'plans', (
            SELECT jsonb_agg(to_jsonb(d) ORDER BY d.code) FROM plan_details d
            WHERE d.id = ANY (v_wanted) AND d.tenant_id = v_tenant),
        'prices', (
            SELECT jsonb_agg(jsonb_build_array(l.plan_id, l.market, l.min_quantity, l.max_quantity, l.cost::text,
                l.retail::text, l.periods))
            FROM list_prices l
            WHERE l.tenant_id = v_tenant AND l.plan_id = ANY (v_wanted) AND l.currency = p_currency
              AND l.effective_from <= v_at AND l.effective_until > v_at),
        'rules', (
            SELECT jsonb_agg(jsonb_build_array(u.id, u.issuer_id, u.recipient_id, u.target_kind, u.target_id, u.kind,
                u.value::text, u.currency, u.min_quantity, u.effective_from, u.effective_until))
            FROM price_rules u
            WHERE u.tenant_id = v_tenant AND u.issuer_id = ANY (v_chain)
              AND (u.recipient_id IS NULL OR u.recipient_id = ANY (v_chain))
              AND u.effective_from <= v_at AND u.effective_until > v_at
              AND (u.currency IS NULL OR u.currency = p_currency)
              AND (u.target_id IS NULL OR u.target_id = ANY (v_targets))));
END
$$;

REVOKE EXECUTE ON FUNCTION time_ordered_id(), price_offers(uuid, uuid[], text[], text, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION price_offers(uuid, uuid[], text[], text, timestamptz) TO chandlery_app;
