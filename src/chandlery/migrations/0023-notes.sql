-- What people write down beside an order. A note is said once and stays: there is no UPDATE and no DELETE.

CREATE TABLE order_notes (
    id              uuid PRIMARY KEY,
    tenant_id       uuid NOT NULL,
    order_id        uuid NOT NULL REFERENCES orders ON DELETE CASCADE,
    line_id         uuid,
    owner_id        uuid NOT NULL,
    owner_path      text COLLATE "C" NOT NULL,
    organization_id uuid NOT NULL,  -- for whom its author acted
    principal       text NOT NULL,
    visibility      text NOT NULL CHECK (visibility IN ('internal', 'public')),
    body            text NOT NULL CHECK (length(body) BETWEEN 1 AND 5000),
    created_at      timestamptz NOT NULL,
    CONSTRAINT order_notes_line FOREIGN KEY (order_id, line_id) REFERENCES order_lines ON DELETE CASCADE
);
CREATE INDEX order_notes_of_order ON order_notes (tenant_id, order_id, created_at, id);
CREATE INDEX order_notes_of_line ON order_notes (order_id, line_id) WHERE line_id IS NOT NULL;
ALTER TABLE order_notes ENABLE ROW LEVEL SECURITY;
-- An internal note is its author's organisation's own affair, also for those above.
CREATE POLICY subtree ON order_notes FOR SELECT USING (
    tenant_id = (SELECT scope_tenant())
    AND owner_path >= (SELECT scope_path()) AND owner_path < (SELECT scope_path_end())
    AND (visibility = 'public' OR organization_id = (SELECT scope_org()) OR (SELECT scope_is_system()))
);
CREATE POLICY authors ON order_notes FOR INSERT WITH CHECK (
    tenant_id = (SELECT scope_tenant()) AND organization_id = (SELECT scope_org())
    AND owner_path >= (SELECT scope_path()) AND owner_path < (SELECT scope_path_end())
);
GRANT SELECT, INSERT ON order_notes TO chandlery_app;
