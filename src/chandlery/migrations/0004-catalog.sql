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
    name_key   text COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower(name)) STORED,  -- for search by its beginning
    created_at timestamptz NOT NULL,
    CONSTRAINT products_code_key UNIQUE (tenant_id, vendor_id, code)
);
CREATE INDEX products_age ON products (tenant_id, created_at, id);
CREATE INDEX products_by_name ON products (tenant_id, name_key);

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
    name_key      text COLLATE "C" NOT NULL GENERATED ALWAYS AS (lower(name)) STORED,  -- for search by its beginning
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
CREATE INDEX plans_age ON plans (tenant_id, created_at, id);
CREATE INDEX plans_by_name ON plans (tenant_id, name_key);

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
CREATE INDEX list_prices_age ON list_prices (tenant_id, effective_from, id);

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
    effective_until timestamptz NOT NULL DEFAULT '9999-12-31Z' CHECK (effective_until >= effective_from),  -- equal: withdrawn
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
           p.name_key, p.created_at,
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
RETURNS jsonb LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp
-- A few rows by their keys out of tables of any size: planning anew each time took six times as long as running it.
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
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

-- Where a price sheet waits to be merged. Not under row-level security, which COPY does not work with: the app may only
-- put rows in, its tenant is filled in by default and cannot be given, and the two functions below alone read them.
CREATE UNLOGGED TABLE price_staging (
    tenant_id       uuid NOT NULL DEFAULT scope_tenant(),
    staged_at       timestamptz NOT NULL DEFAULT now(),
    import_id       uuid NOT NULL,
    line            integer NOT NULL,
    vendor_code     text COLLATE "C" NOT NULL,
    vendor_name     text NOT NULL,
    product_code    text COLLATE "C" NOT NULL,
    product_name    text NOT NULL,
    sku_code        text COLLATE "C" NOT NULL,
    sku_name        text NOT NULL,
    sku_description text NOT NULL,
    plan_code       text COLLATE "C" NOT NULL,
    unit            text NOT NULL,
    term            text NOT NULL,
    billing_cycle   text NOT NULL,
    charge          text NOT NULL,
    segment         text NOT NULL,
    market          text COLLATE "C" NOT NULL,
    currency        text COLLATE "C" NOT NULL,
    min_quantity    integer NOT NULL,
    max_quantity    integer,
    cost            numeric NOT NULL,
    retail          numeric NOT NULL,
    periods         integer NOT NULL,
    effective_from  timestamptz,  -- NULL: from the import on
    effective_until timestamptz NOT NULL
);
CREATE INDEX price_staging_import ON price_staging (import_id);
GRANT INSERT (import_id, line, vendor_code, vendor_name, product_code, product_name, sku_code, sku_name, sku_description,
    plan_code, unit, term, billing_cycle, charge, segment, market, currency, min_quantity, max_quantity, cost, retail,
    periods, effective_from, effective_until) ON price_staging TO chandlery_app;

-- Takes out staged rows that contradict an earlier line or the catalogue, and says which. Also clears what imports that
-- died have left, and makes imports of one tenant wait for each other.
CREATE FUNCTION check_staged_prices(p_import uuid)
RETURNS TABLE (bad_line integer, contradiction text, other_line integer)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp
-- Sets against sets: statistics that have not heard of a new tenant yet would have it go row by row.
SET work_mem = '64MB' SET enable_nestloop = off AS $$
DECLARE
    v_tenant uuid := scope_tenant();
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(concat('price import of ', v_tenant), 0));
    DELETE FROM price_staging s WHERE s.tenant_id = v_tenant AND s.import_id <> p_import
        AND s.staged_at < pg_catalog.now() - interval '1 day';
    RETURN QUERY
    WITH seen AS (
        SELECT s.line, s.sku_code, s.vendor_code, s.product_code,
               first_value(s.line) OVER price AS first_line,
               first_value(s.line) OVER sku AS sku_line,
               first_value(s.vendor_code) OVER sku AS sku_vendor, first_value(s.product_code) OVER sku AS sku_product
        FROM price_staging s WHERE s.import_id = p_import AND s.tenant_id = v_tenant
        WINDOW price AS (PARTITION BY s.plan_code, s.market, s.currency, s.min_quantity, s.effective_from ORDER BY s.line),
               sku AS (PARTITION BY s.sku_code ORDER BY s.line)
    ), bad AS (
        SELECT n.line, CASE WHEN n.first_line <> n.line THEN 'price' ELSE 'sku' END AS what,
               CASE WHEN n.first_line <> n.line THEN n.first_line ELSE n.sku_line END AS other
        FROM seen n
        WHERE n.first_line <> n.line OR (n.sku_vendor, n.sku_product) <> (n.vendor_code, n.product_code)
        UNION ALL
        SELECT n.line, 'sku', NULL FROM seen n
        JOIN skus k ON k.tenant_id = v_tenant AND k.code = n.sku_code
        JOIN products r ON r.id = k.product_id JOIN vendors v ON v.id = r.vendor_id
        WHERE (v.code, r.code) <> (n.vendor_code, n.product_code)
    ), gone AS (
        DELETE FROM price_staging s WHERE s.import_id = p_import AND s.tenant_id = v_tenant
            AND s.line IN (SELECT b.line FROM bad b)
    )
    SELECT DISTINCT ON (b.line) b.line, b.what, b.other FROM bad b ORDER BY b.line, b.other NULLS LAST;
END
$$;

CREATE FUNCTION discard_staged_prices(p_import uuid) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    DELETE FROM price_staging s WHERE s.import_id = p_import AND s.tenant_id = scope_tenant()
$$;

-- Merges a staged sheet, set by set, and counts. What the sheet says of a price series (plan, market, currency, tier)
-- from now on replaces what we hold of it from now on:
--   the same price in the same place keeps its row; a changed one ends the old row where the new one starts, or now when
--   it claims to have started no later than the old one did; a price to come that is no longer announced goes.
-- p_complete: series of the sheet's vendors, in its markets and currencies, that the sheet does not name end now. If not,
-- the sheet is a part: prices to come that it does not name stay.
CREATE FUNCTION merge_staged_prices(p_import uuid, p_complete boolean) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp
SET work_mem = '64MB' SET enable_nestloop = off AS $$
DECLARE
    v_tenant uuid := scope_tenant();
    v_now timestamptz := unit_now();
    v_vendors uuid[];
    v_products integer;
    v_plans integer;
    v_counts jsonb;
BEGIN
    IF v_tenant IS NULL OR v_tenant IS DISTINCT FROM scope_org() THEN
        RAISE EXCEPTION 'only the operator merges prices';
    END IF;
    CREATE TEMP TABLE staged ON COMMIT DROP AS
        SELECT s.* FROM price_staging s WHERE s.import_id = p_import AND s.tenant_id = v_tenant;
    DELETE FROM price_staging s WHERE s.import_id = p_import AND s.tenant_id = v_tenant;
    ANALYZE staged;

    INSERT INTO vendors (id, tenant_id, code, name, created_at)
    SELECT time_ordered_id(), v_tenant, s.vendor_code, min(s.vendor_name), v_now FROM staged s GROUP BY s.vendor_code
    ON CONFLICT ON CONSTRAINT vendors_code_key DO NOTHING;
    v_vendors := ARRAY(
        SELECT v.id FROM vendors v WHERE v.tenant_id = v_tenant AND v.code IN (SELECT s.vendor_code FROM staged s));

    SELECT count(*) INTO v_products FROM products r WHERE r.tenant_id = v_tenant;
    INSERT INTO products (id, tenant_id, vendor_id, code, name, created_at)
    SELECT time_ordered_id(), v_tenant, v.id, s.product_code, s.product_name, v_now
    FROM (SELECT DISTINCT ON (x.vendor_code, x.product_code) x.* FROM staged x
          ORDER BY x.vendor_code, x.product_code, x.line) s
    JOIN vendors v ON v.tenant_id = v_tenant AND v.code = s.vendor_code
    ON CONFLICT ON CONSTRAINT products_code_key DO UPDATE SET name = excluded.name WHERE products.name <> excluded.name;
    SELECT count(*) - v_products INTO v_products FROM products r WHERE r.tenant_id = v_tenant;

    INSERT INTO skus (id, tenant_id, product_id, code, name, description, created_at)
    SELECT time_ordered_id(), v_tenant, r.id, s.sku_code, s.sku_name, s.sku_description, v_now
    FROM (SELECT DISTINCT ON (x.sku_code) x.* FROM staged x ORDER BY x.sku_code, x.line) s
    JOIN vendors v ON v.tenant_id = v_tenant AND v.code = s.vendor_code
    JOIN products r ON r.tenant_id = v_tenant AND r.vendor_id = v.id AND r.code = s.product_code
    ON CONFLICT ON CONSTRAINT skus_code_key DO UPDATE SET name = excluded.name, description = excluded.description
    WHERE (skus.name, skus.description) <> (excluded.name, excluded.description);

    SELECT count(*) INTO v_plans FROM plans p WHERE p.tenant_id = v_tenant;
    INSERT INTO plans (id, tenant_id, sku_id, code, name, unit, term, billing_cycle, charge, segment, created_at)
    SELECT time_ordered_id(), v_tenant, k.id, s.plan_code, s.sku_name, s.unit, s.term, s.billing_cycle, s.charge,
           s.segment, v_now
    FROM (SELECT DISTINCT ON (x.plan_code) x.* FROM staged x ORDER BY x.plan_code, x.line) s
    JOIN skus k ON k.tenant_id = v_tenant AND k.code = s.sku_code
    ON CONFLICT ON CONSTRAINT plans_code_key DO UPDATE
    SET name = excluded.name, unit = excluded.unit, version = plans.version + 1
    WHERE (plans.name, plans.unit) <> (excluded.name, excluded.unit);
    SELECT count(*) - v_plans INTO v_plans FROM plans p WHERE p.tenant_id = v_tenant;

    -- All we hold of these vendors; `scoped` is what a complete sheet speaks of, said or unsaid.
    CREATE TEMP TABLE held ON COMMIT DROP AS
        SELECT l.*, (r.vendor_id, l.market, l.currency) IN (
                   SELECT v.id, s.market, s.currency FROM staged s
                   JOIN vendors v ON v.tenant_id = v_tenant AND v.code = s.vendor_code) AS scoped
        FROM list_prices l JOIN plans p ON p.id = l.plan_id JOIN skus k ON k.id = p.sku_id
        JOIN products r ON r.id = k.product_id
        WHERE l.tenant_id = v_tenant AND r.vendor_id = ANY (v_vendors);
    ANALYZE held;

    -- What is to hold: each line until its own end or the next line's start, whichever is first.
    CREATE TEMP TABLE wanted ON COMMIT DROP AS
        WITH said AS (
            SELECT s.line, p.id AS plan_id, s.market, s.currency, s.min_quantity, s.max_quantity, s.cost, s.retail,
                   s.periods, coalesce(s.effective_from, v_now) AS starts, s.effective_until AS ends
            FROM staged s JOIN plans p ON p.tenant_id = v_tenant AND p.code = s.plan_code
        ), lines AS (
            SELECT * FROM said
            UNION ALL
            SELECT NULL, h.plan_id, h.market, h.currency, h.min_quantity, h.max_quantity, h.cost, h.retail, h.periods,
                   h.effective_from, h.effective_until
            FROM held h WHERE NOT p_complete AND h.effective_from > v_now
              AND (h.plan_id, h.market, h.currency, h.min_quantity) IN (
                  SELECT s.plan_id, s.market, s.currency, s.min_quantity FROM said s)
              AND (h.plan_id, h.market, h.currency, h.min_quantity, h.effective_from) NOT IN (
                  SELECT s.plan_id, s.market, s.currency, s.min_quantity, s.starts FROM said s)
        ), cut AS (
            SELECT l.*, lead(l.starts) OVER (
                PARTITION BY l.plan_id, l.market, l.currency, l.min_quantity ORDER BY l.starts) AS next_starts
            FROM lines l
        )
        SELECT c.*, least(c.ends, c.next_starts) AS stops, c.next_starts <= c.ends AS followed FROM cut c;
    ANALYZE wanted;

    CREATE TEMP TABLE placed ON COMMIT DROP AS
        WITH history AS (
            SELECT h.plan_id, h.market, h.currency, h.min_quantity,
                   max(h.effective_until) FILTER (WHERE h.effective_until <= v_now) AS past_until,
                   max(h.effective_from) FILTER (WHERE h.effective_from <= v_now AND h.effective_until > v_now) AS in_force_from
            FROM held h GROUP BY 1, 2, 3, 4
        )
        SELECT w.*, h.id AS kept, h.effective_until AS kept_until, y.plan_id IS NOT NULL AS known,
               CASE WHEN w.starts > v_now THEN w.starts
                    ELSE greatest(w.starts, y.past_until, CASE WHEN y.in_force_from >= w.starts THEN v_now END)
               END AS starts_here
        FROM wanted w
        LEFT JOIN history y ON (y.plan_id, y.market, y.currency, y.min_quantity)
            = (w.plan_id, w.market, w.currency, w.min_quantity)
        LEFT JOIN held h ON (h.plan_id, h.market, h.currency, h.min_quantity)
            = (w.plan_id, w.market, w.currency, w.min_quantity)
            AND (h.cost, h.retail, h.periods) = (w.cost, w.retail, w.periods)
            AND h.max_quantity IS NOT DISTINCT FROM w.max_quantity AND h.effective_until > v_now
            AND (h.effective_from = w.starts OR (h.effective_from <= v_now AND w.starts <= v_now))
        WHERE w.stops > v_now;
    ANALYZE placed;

    CREATE TEMP TABLE gone ON COMMIT DROP AS
        WITH series AS (
            SELECT p.plan_id, p.market, p.currency, p.min_quantity, bool_or(p.kept IS NULL) AS replaced,
                   coalesce(min(p.starts_here) FILTER (WHERE p.starts <= v_now), min(p.starts)) AS from_then
            FROM placed p GROUP BY 1, 2, 3, 4
        )
        SELECT h.id, h.effective_from, coalesce(s.replaced, false) AS replaced,
               CASE WHEN h.effective_from > v_now THEN h.effective_from
                    ELSE least(h.effective_until, coalesce(s.from_then, v_now)) END AS ends
        FROM held h
        LEFT JOIN series s ON (s.plan_id, s.market, s.currency, s.min_quantity)
            = (h.plan_id, h.market, h.currency, h.min_quantity)
        WHERE h.effective_until > v_now AND NOT EXISTS (SELECT FROM placed p WHERE p.kept = h.id)
          AND (s.plan_id IS NOT NULL OR (p_complete AND h.scoped) OR EXISTS (  -- the sheet says that it has ended
              SELECT FROM wanted w WHERE (w.plan_id, w.market, w.currency, w.min_quantity)
                  = (h.plan_id, h.market, h.currency, h.min_quantity)));
    DELETE FROM list_prices l USING gone g WHERE l.id = g.id AND g.ends <= g.effective_from;
    UPDATE list_prices l SET effective_until = g.ends FROM gone g WHERE l.id = g.id AND g.ends > g.effective_from
        AND l.effective_until <> g.ends;
    UPDATE list_prices l SET effective_until = p.stops FROM placed p WHERE l.id = p.kept AND p.kept_until <> p.stops;
    INSERT INTO list_prices (id, tenant_id, plan_id, market, currency, min_quantity, max_quantity, cost, retail, periods,
                             effective_from, effective_until)
    SELECT time_ordered_id(), v_tenant, p.plan_id, p.market, p.currency, p.min_quantity, p.max_quantity, p.cost, p.retail,
           p.periods, p.starts_here, p.stops
    FROM placed p WHERE p.kept IS NULL;

    SELECT jsonb_build_object(
        'added', count(*) FILTER (WHERE p.kept IS NULL AND NOT p.known),
        'changed', count(*) FILTER (WHERE p.kept IS NULL AND p.known
            OR p.kept IS NOT NULL AND p.kept_until <> p.stops AND NOT coalesce(p.followed, false)),
        'good', (SELECT count(*) FROM staged),
        'ended', (SELECT count(*) FROM gone g WHERE NOT g.replaced),
        'products_added', v_products,
        'plans_added', v_plans
    ) INTO v_counts FROM placed p WHERE p.line IS NOT NULL;
    DROP TABLE staged, held, wanted, placed, gone;
    RETURN v_counts;
END
$$;
REVOKE EXECUTE ON FUNCTION check_staged_prices(uuid), discard_staged_prices(uuid), merge_staged_prices(uuid, boolean)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION check_staged_prices(uuid), discard_staged_prices(uuid), merge_staged_prices(uuid, boolean)
    TO chandlery_app;
