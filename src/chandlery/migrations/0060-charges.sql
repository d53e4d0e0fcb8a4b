-- What comes on top of an order's lines: charges and discounts, tax rules, and the terms that an order was placed on.

-- Between two parties of a chain, as line prices are.
CREATE TABLE order_charges (
    id            uuid PRIMARY KEY,
    tenant_id     uuid NOT NULL,
    order_id      uuid NOT NULL REFERENCES orders ON DELETE CASCADE,
    line_id       uuid,  -- NULL: on the whole order
    issuer_id     uuid NOT NULL,
    recipient_id  uuid NOT NULL,
    kind          text NOT NULL CHECK (kind IN ('delivery', 'handling', 'payment', 'discount')),
    label         text NOT NULL CHECK (length(label) BETWEEN 1 AND 200),
    percent       numeric CHECK (percent > 0 AND percent <= 100),
    amount_minor  bigint CHECK (amount_minor > 0),
    product_class text NOT NULL DEFAULT '',
    created_at    timestamptz NOT NULL,
    CHECK ((percent IS NULL) <> (amount_minor IS NULL)),
    CONSTRAINT order_charges_line FOREIGN KEY (order_id, line_id) REFERENCES order_lines ON DELETE CASCADE
);
CREATE INDEX order_charges_of_order ON order_charges (order_id, issuer_id, created_at, id);
ALTER TABLE order_charges ENABLE ROW LEVEL SECURITY;
CREATE POLICY pair ON order_charges USING (
    tenant_id = (SELECT scope_tenant())
    AND (issuer_id = (SELECT scope_org()) OR recipient_id = (SELECT scope_org()) OR (SELECT scope_is_system()))
) WITH CHECK (
    tenant_id = (SELECT scope_tenant()) AND (issuer_id = (SELECT scope_org()) OR (SELECT scope_is_system()))
);
GRANT SELECT, INSERT, DELETE ON order_charges TO chandlery_app;

CREATE TABLE tax_rules (
    id              uuid PRIMARY KEY,
    tenant_id       uuid NOT NULL REFERENCES tenants,
    issuer_id       uuid NOT NULL REFERENCES organizations,
    country         text COLLATE "C" NOT NULL CHECK (country ~ '^([A-Z]{2})?$'),  -- of the recipient; '' is every country
    region          text COLLATE "C" NOT NULL CHECK (region = '' OR country <> ''),
    product_class   text COLLATE "C" NOT NULL,
    buyer           text NOT NULL CHECK (buyer IN ('any', 'business', 'union_business')),
    kind            text NOT NULL CHECK (kind IN ('rate', 'zero', 'exempt', 'reverse_charge')),
    rate            numeric NOT NULL CHECK (rate >= 0 AND rate <= 100),
    note            text NOT NULL,
    effective_from  timestamptz NOT NULL,
    effective_until timestamptz NOT NULL CHECK (effective_until >= effective_from),  -- equal: withdrawn
    created_at      timestamptz NOT NULL,
    version         integer NOT NULL DEFAULT 1,
    CHECK ((kind = 'rate') = (rate > 0))
);
CREATE INDEX tax_rules_issued ON tax_rules (tenant_id, issuer_id, created_at, id);
ALTER TABLE tax_rules ENABLE ROW LEVEL SECURITY;
CREATE POLICY issuer ON tax_rules USING (
    tenant_id = (SELECT scope_tenant()) AND (issuer_id = (SELECT scope_org()) OR (SELECT scope_is_system()))
);
GRANT SELECT, INSERT, UPDATE ON tax_rules TO chandlery_app;

-- By which class a product is taxed; one that is not here has none.
CREATE TABLE product_tax_classes (
    product_id    uuid PRIMARY KEY REFERENCES products,
    tenant_id     uuid NOT NULL,
    product_class text NOT NULL CHECK (length(product_class) BETWEEN 1 AND 50)
);
ALTER TABLE product_tax_classes ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON product_tax_classes USING (tenant_id = (SELECT scope_tenant()));
GRANT SELECT, INSERT, UPDATE, DELETE ON product_tax_classes TO chandlery_app;

-- The terms that an order was placed on, one row for each pair of the chain: what its totals are reckoned from for ever.
CREATE TABLE order_terms (
    order_id     uuid NOT NULL REFERENCES orders ON DELETE CASCADE,
    issuer_id    uuid NOT NULL,
    recipient_id uuid NOT NULL,
    tenant_id    uuid NOT NULL,
    terms        jsonb NOT NULL,
    PRIMARY KEY (order_id, issuer_id)
);
ALTER TABLE order_terms ENABLE ROW LEVEL SECURITY;
CREATE POLICY pair ON order_terms FOR SELECT USING (
    tenant_id = (SELECT scope_tenant())
    AND (issuer_id = (SELECT scope_org()) OR recipient_id = (SELECT scope_org()) OR (SELECT scope_is_system()))
);
GRANT SELECT ON order_terms TO chandlery_app;

-- Where a party is and how it is registered. An address fills in what the company data leave open.
CREATE FUNCTION tax_party(p_organization uuid) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT jsonb_build_object(
        'country', coalesce(c.facts->>'country', a.postal->>'country', ''),
        'region', CASE WHEN c.facts->>'country' IS NULL OR c.facts->>'country' = a.postal->>'country'
                       THEN coalesce(a.postal->>'region', '') ELSE '' END,
        'vat_number', coalesce(c.facts->>'vat_number', ''),
        'tax_exempt', coalesce((c.facts->>'tax_exempt')::boolean, false),
        'tax_exemption', coalesce(c.facts->>'tax_exemption', ''))
    FROM organizations o
    LEFT JOIN companies c ON c.organization_id = o.id
    LEFT JOIN LATERAL (
        SELECT x.postal FROM addresses x
        WHERE x.tenant_id = o.tenant_id AND x.organization_id = o.id AND x.default_for && ARRAY['billing', 'legal']
        ORDER BY x.default_for @> ARRAY['billing'] DESC, x.created_at, x.id LIMIT 1
    ) a ON true
    WHERE o.id = p_organization AND o.tenant_id = scope_tenant()
$$;

-- The terms of an order between two parties as things stand. Figures are texts: JSON numbers would lose digits.
CREATE FUNCTION terms_as_they_stand(p_order uuid, p_issuer uuid, p_recipient uuid, p_plans uuid[]) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT jsonb_build_object(
        'issuer', tax_party(p_issuer),
        'recipient', tax_party(p_recipient),
        'rules', coalesce((
            SELECT jsonb_agg(jsonb_build_object(
                'id', r.id, 'country', r.country, 'region', r.region, 'product_class', r.product_class,
                'buyer', r.buyer, 'kind', r.kind, 'rate', r.rate::text, 'note', r.note,
                'effective_from', r.effective_from, 'effective_until', r.effective_until, 'version', r.version))
            FROM tax_rules r WHERE r.tenant_id = scope_tenant() AND r.issuer_id = p_issuer
                AND r.effective_from <= unit_now() AND r.effective_until > unit_now()), '[]'),
        'charges', coalesce((
            SELECT jsonb_agg(jsonb_build_object(
                'id', c.id, 'kind', c.kind, 'label', c.label, 'percent', c.percent::text,
                'amount_minor', c.amount_minor, 'line_id', c.line_id, 'product_class', c.product_class)
                ORDER BY c.created_at, c.id)
            FROM order_charges c
            WHERE c.tenant_id = scope_tenant() AND c.order_id = p_order AND c.issuer_id = p_issuer), '[]'),
        'classes', coalesce((
            SELECT jsonb_object_agg(p.id, k.product_class)
            FROM plans p JOIN skus s ON s.id = p.sku_id JOIN product_tax_classes k ON k.product_id = s.product_id
            WHERE p.id = ANY (p_plans) AND p.tenant_id = scope_tenant()), '{}'))
$$;

-- The terms of orders between the caller and the party next to it in the chain: a buyer may not read its seller's rules,
-- and yet must see what they come to. Orders placed before anything was on top have none.
CREATE FUNCTION terms_of(p_dealings jsonb) RETURNS TABLE (order_id uuid, terms text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT d.order_id, CASE WHEN d.is_draft
        THEN terms_as_they_stand(d.order_id, d.issuer_id, d.recipient_id, d.plan_ids)
        ELSE (SELECT t.terms FROM order_terms t WHERE t.order_id = d.order_id AND t.issuer_id = d.issuer_id
                  AND t.recipient_id = d.recipient_id AND t.tenant_id = scope_tenant()) END::text
    FROM jsonb_to_recordset(p_dealings)
        AS d(order_id uuid, issuer_id uuid, recipient_id uuid, plan_ids uuid[], is_draft boolean)
    JOIN organizations o ON o.id = d.recipient_id AND o.parent_id = d.issuer_id AND o.tenant_id = scope_tenant()
    WHERE scope_org() IN (d.issuer_id, d.recipient_id) OR scope_is_system()
$$;

-- Keep the terms of a placed order, for every pair from the root of the tree down to the customer.
CREATE FUNCTION keep_terms(p_order uuid, p_customer uuid, p_plans uuid[]) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    INSERT INTO order_terms (order_id, issuer_id, recipient_id, tenant_id, terms)
    SELECT p_order, a.parent_id, a.id, a.tenant_id, terms_as_they_stand(p_order, a.parent_id, a.id, p_plans)
    FROM organizations c
    JOIN organizations a ON a.tenant_id = c.tenant_id AND starts_with(c.path, a.path) AND a.parent_id IS NOT NULL
    WHERE c.id = p_customer AND c.tenant_id = scope_tenant() AND c.path >= scope_path() AND c.path < scope_path_end()
    ON CONFLICT (order_id, issuer_id) DO NOTHING
$$;

REVOKE EXECUTE ON FUNCTION tax_party(uuid), terms_as_they_stand(uuid, uuid, uuid, uuid[]), terms_of(jsonb),
    keep_terms(uuid, uuid, uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION terms_of(jsonb), keep_terms(uuid, uuid, uuid[]) TO chandlery_app;
