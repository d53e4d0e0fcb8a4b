-- Invoices and credit notes: numbered without gaps, immutable once posted, seen by issuer and recipient alone.

-- How an organisation invoices; one without a row does so on demand.
CREATE TABLE invoicing_policies (
    organization_id    uuid PRIMARY KEY REFERENCES organizations,
    tenant_id          uuid NOT NULL,
    owner_path         text COLLATE "C" NOT NULL,
    invoices           text NOT NULL CHECK (invoices IN ('on_demand', 'on_completion')),
    due_days           integer NOT NULL CHECK (due_days BETWEEN 0 AND 365),
    invoice_prefix     text NOT NULL,
    credit_note_prefix text NOT NULL,
    note               text NOT NULL,
    version            integer NOT NULL DEFAULT 1,
    CHECK (invoice_prefix <> credit_note_prefix)
);
ALTER TABLE invoicing_policies ENABLE ROW LEVEL SECURITY;
CREATE POLICY subtree ON invoicing_policies USING (
    tenant_id = (SELECT scope_tenant())
    AND owner_path >= (SELECT scope_path()) AND owner_path < (SELECT scope_path_end())
);
GRANT SELECT, INSERT, UPDATE ON invoicing_policies TO chandlery_app;

-- The last number given out. Whoever posts holds the row until the end: a roll-back gives the number back.
CREATE TABLE invoice_counters (
    issuer_id uuid NOT NULL REFERENCES organizations,
    kind      text NOT NULL CHECK (kind IN ('invoice', 'credit_note')),
    tenant_id uuid NOT NULL,
    last      bigint NOT NULL CHECK (last > 0),
    PRIMARY KEY (issuer_id, kind)
);
ALTER TABLE invoice_counters ENABLE ROW LEVEL SECURITY;
CREATE POLICY issuer ON invoice_counters USING (
    tenant_id = (SELECT scope_tenant()) AND (issuer_id = (SELECT scope_org()) OR (SELECT scope_is_system()))
);
GRANT SELECT, INSERT, UPDATE ON invoice_counters TO chandlery_app;

CREATE TABLE invoices (
    id             uuid PRIMARY KEY,
    tenant_id      uuid NOT NULL REFERENCES tenants,
    issuer_id      uuid NOT NULL,
    recipient_id   uuid NOT NULL,
    kind           text NOT NULL CHECK (kind IN ('invoice', 'credit_note')),
    status         text NOT NULL CHECK (status IN ('draft', 'unpaid', 'partly_paid', 'paid', 'cancelled')),
    serial         bigint,
    number         text COLLATE "C",
    corrects_id    uuid REFERENCES invoices,
    reason         text NOT NULL DEFAULT '',
    order_id       uuid NOT NULL,
    order_number   text NOT NULL,
    po_number      text,
    currency       text NOT NULL CHECK (length(currency) = 3),
    net_minor      bigint NOT NULL,
    tax_minor      bigint NOT NULL,
    gross_minor    bigint NOT NULL CHECK (gross_minor >= 0),
    taxes          jsonb NOT NULL,
    issuer         jsonb NOT NULL,  -- name, company data and address as they were at posting
    recipient      jsonb NOT NULL,
    note           text NOT NULL DEFAULT '',
    paid_minor     bigint NOT NULL DEFAULT 0 CHECK (paid_minor >= 0),
    credited_minor bigint NOT NULL DEFAULT 0 CHECK (credited_minor >= 0),
    created_at     timestamptz NOT NULL,
    posted_at      timestamptz,
    due_on         date,
    document_id    uuid,
    version        integer NOT NULL DEFAULT 1,
    CHECK (net_minor + tax_minor = gross_minor),
    CHECK ((kind = 'credit_note') = (corrects_id IS NOT NULL)),
    CHECK ((status = 'draft') = (number IS NULL) AND (status = 'draft') = (serial IS NULL)
           AND (status = 'draft') = (posted_at IS NULL)),
    CONSTRAINT invoices_settled_once CHECK (paid_minor + credited_minor <= gross_minor),
    CONSTRAINT invoices_serial_key UNIQUE (issuer_id, kind, serial),
    CONSTRAINT invoices_number_key UNIQUE (issuer_id, number)
);
CREATE INDEX invoices_issued ON invoices (tenant_id, issuer_id, created_at, id);
CREATE INDEX invoices_received ON invoices (tenant_id, recipient_id, created_at, id);
CREATE INDEX invoices_of_order ON invoices (order_id, issuer_id);
CREATE INDEX invoices_correcting ON invoices (corrects_id) WHERE corrects_id IS NOT NULL;
ALTER TABLE invoices ENABLE ROW LEVEL SECURITY;
CREATE POLICY pair ON invoices USING (  -- what is not posted yet is its issuer's own business
    tenant_id = (SELECT scope_tenant())
    AND (issuer_id = (SELECT scope_org()) OR (SELECT scope_is_system())
         OR (recipient_id = (SELECT scope_org()) AND status <> 'draft'))
) WITH CHECK (
    tenant_id = (SELECT scope_tenant())
    AND (issuer_id = (SELECT scope_org()) OR recipient_id = (SELECT scope_org()) OR (SELECT scope_is_system()))
);
GRANT SELECT, INSERT, UPDATE, DELETE ON invoices TO chandlery_app;

CREATE TABLE invoice_lines (
    invoice_id        uuid NOT NULL REFERENCES invoices ON DELETE CASCADE,
    position          integer NOT NULL CHECK (position > 0),
    tenant_id         uuid NOT NULL,
    kind              text NOT NULL CHECK (kind IN ('line', 'delivery', 'handling', 'payment', 'discount')),
    name              text NOT NULL,
    details           text[] NOT NULL,
    quantity          bigint NOT NULL,
    unit              text NOT NULL,
    rate              numeric,
    amount_minor      bigint NOT NULL,  -- a discount's is below zero
    taxable_minor     bigint NOT NULL,  -- what is left of it after discounts
    tax_kind          text CHECK (tax_kind IN ('rate', 'zero', 'exempt', 'reverse_charge')),
    tax_rate          numeric NOT NULL,
    tax_note          text NOT NULL,
    order_line_id     uuid,             -- where it comes from: the line and the step of its price, or the charge
    step              integer,
    charge_id         uuid,
    corrects_position integer,
    PRIMARY KEY (invoice_id, position),
    CHECK ((order_line_id IS NULL) = (step IS NULL))
);
CREATE INDEX invoice_lines_of_order_line ON invoice_lines (order_line_id) WHERE order_line_id IS NOT NULL;
ALTER TABLE invoice_lines ENABLE ROW LEVEL SECURITY;
CREATE POLICY pair ON invoice_lines USING (  -- whoever sees the invoice
    tenant_id = (SELECT scope_tenant()) AND EXISTS (SELECT FROM invoices i WHERE i.id = invoice_id)
);
GRANT SELECT, INSERT ON invoice_lines TO chandlery_app;

-- What of an order is on an invoice that stands: a part (line or charge) is billed once by each issuer.
CREATE TABLE billed_parts (
    part_id    uuid NOT NULL,
    issuer_id  uuid NOT NULL,
    tenant_id  uuid NOT NULL,
    invoice_id uuid NOT NULL REFERENCES invoices ON DELETE CASCADE,
    CONSTRAINT billed_once PRIMARY KEY (part_id, issuer_id)
);
CREATE INDEX billed_parts_of_invoice ON billed_parts (invoice_id);
ALTER TABLE billed_parts ENABLE ROW LEVEL SECURITY;
CREATE POLICY issuer ON billed_parts USING (
    tenant_id = (SELECT scope_tenant()) AND (issuer_id = (SELECT scope_org()) OR (SELECT scope_is_system()))
);
GRANT SELECT, INSERT, DELETE ON billed_parts TO chandlery_app;

-- Which payment settles how much of which invoice.
CREATE TABLE payment_allocations (
    payment_id   uuid NOT NULL REFERENCES payments,
    invoice_id   uuid NOT NULL REFERENCES invoices,
    tenant_id    uuid NOT NULL,
    payer_id     uuid NOT NULL,
    payee_id     uuid NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (payment_id, invoice_id)
);
CREATE INDEX payment_allocations_of_invoice ON payment_allocations (invoice_id);
ALTER TABLE payment_allocations ENABLE ROW LEVEL SECURITY;
CREATE POLICY pair ON payment_allocations USING (
    tenant_id = (SELECT scope_tenant())
    AND (payee_id = (SELECT scope_org()) OR payer_id = (SELECT scope_org()) OR (SELECT scope_is_system()))
);
GRANT SELECT, INSERT, UPDATE, DELETE ON payment_allocations TO chandlery_app;

-- The net below the rules of the room: of what is posted, only how it is settled moves, and where its paper is.
CREATE FUNCTION keep_what_was_posted() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF OLD.status <> 'draft' AND (TG_OP = 'DELETE' OR NEW.status = 'draft' OR (OLD.document_id IS NOT NULL
            AND NEW.document_id IS DISTINCT FROM OLD.document_id) OR
            (to_jsonb(NEW) - '{status,paid_minor,credited_minor,document_id,version}'::text[]) IS DISTINCT FROM
            (to_jsonb(OLD) - '{status,paid_minor,credited_minor,document_id,version}'::text[])) THEN
        RAISE EXCEPTION 'a posted invoice stays as it is'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'invoices_posted_are_kept';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$$;
CREATE TRIGGER keep_what_was_posted BEFORE UPDATE OR DELETE ON invoices
    FOR EACH ROW EXECUTE FUNCTION keep_what_was_posted();

CREATE FUNCTION keep_lines_that_were_posted() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM invoices i WHERE i.status <> 'draft'
               AND i.id IN (CASE TG_OP WHEN 'INSERT' THEN NEW.invoice_id ELSE OLD.invoice_id END, NEW.invoice_id)) THEN
        RAISE EXCEPTION 'a posted invoice stays as it is'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'invoices_posted_are_kept';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$$;
CREATE TRIGGER keep_lines_that_were_posted BEFORE INSERT OR UPDATE OR DELETE ON invoice_lines
    FOR EACH ROW EXECUTE FUNCTION keep_lines_that_were_posted();
REVOKE EXECUTE ON FUNCTION keep_what_was_posted(), keep_lines_that_were_posted() FROM PUBLIC;

-- A paper between two parties is theirs alone: whoever is above the issuer must not read its prices off it.
ALTER TABLE documents ADD COLUMN issuer_id uuid, ADD COLUMN recipient_id uuid,
    ADD CONSTRAINT documents_between CHECK ((issuer_id IS NULL) = (recipient_id IS NULL));
ALTER POLICY subtree ON documents USING (
    tenant_id = (SELECT scope_tenant()) AND issuer_id IS NULL
    AND owner_path >= (SELECT scope_path()) AND owner_path < (SELECT scope_path_end())
);
CREATE POLICY pair ON documents USING (
    tenant_id = (SELECT scope_tenant())
    AND (issuer_id = (SELECT scope_org()) OR recipient_id = (SELECT scope_org())
         OR (issuer_id IS NOT NULL AND (SELECT scope_is_system())))
);
