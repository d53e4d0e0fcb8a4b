-- What an organisation wants to be told beyond what everybody is: fields of its own, for itself and for all below it.

CREATE TABLE custom_fields (
    id         uuid PRIMARY KEY,
    tenant_id  uuid NOT NULL REFERENCES tenants,
    owner_id   uuid NOT NULL REFERENCES organizations,
    owner_path text COLLATE "C" NOT NULL,
    noun       text NOT NULL CHECK (noun IN ('order', 'line', 'organization', 'subscription')),
    name       text COLLATE "C" NOT NULL CHECK (name ~ '^[a-z][a-z0-9_]{0,39}$'),
    label      text NOT NULL CHECK (length(label) BETWEEN 1 AND 200),
    kind       text NOT NULL CHECK (kind IN ('text', 'number', 'boolean', 'date', 'choice')),
    allowed    text[] NOT NULL DEFAULT '{}',
    required   boolean NOT NULL,
    read_only  boolean NOT NULL,  -- for those below its owner
    published  boolean NOT NULL,  -- in a storefront
    created_at timestamptz NOT NULL,
    version    integer NOT NULL DEFAULT 1,
    CONSTRAINT custom_fields_name_key UNIQUE (owner_id, noun, name),
    CHECK (kind <> 'choice' OR allowed <> '{}')
);
CREATE INDEX custom_fields_of_path ON custom_fields (tenant_id, owner_path, created_at, id);
ALTER TABLE custom_fields ENABLE ROW LEVEL SECURITY;
CREATE POLICY subtree ON custom_fields USING (
    tenant_id = (SELECT scope_tenant())
    AND owner_path >= (SELECT scope_path()) AND owner_path < (SELECT scope_path_end())
) WITH CHECK (
    tenant_id = (SELECT scope_tenant())
    AND owner_path >= (SELECT scope_path()) AND owner_path < (SELECT scope_path_end())
);
-- What binds somebody can be read by them.
CREATE POLICY inherited ON custom_fields FOR SELECT USING (
    tenant_id = (SELECT scope_tenant()) AND starts_with((SELECT scope_path()), owner_path)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON custom_fields TO chandlery_app;

ALTER TABLE orders ADD COLUMN custom_fields jsonb NOT NULL DEFAULT '{}';
ALTER TABLE order_lines ADD COLUMN custom_fields jsonb NOT NULL DEFAULT '{}';

-- The paths of an organisation and of all above it; a label is nine characters long.
CREATE FUNCTION paths_up(p_path text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT ARRAY(SELECT left(p_path, 9 * n) FROM generate_series(1, length(p_path) / 9) AS n) $$;
GRANT EXECUTE ON FUNCTION paths_up(text) TO chandlery_app;

-- The fields that hold for an organisation. Of two of one name that of the higher organisation counts: nobody
-- weakens what those above want to know.
CREATE VIEW custom_fields_in_force WITH (security_invoker = true) AS
    SELECT f.* FROM custom_fields f WHERE NOT EXISTS (
        SELECT FROM custom_fields above
        WHERE above.tenant_id = f.tenant_id AND above.noun = f.noun AND above.name = f.name
            AND above.owner_path <> f.owner_path AND starts_with(f.owner_path, above.owner_path)
    );
GRANT SELECT ON custom_fields_in_force TO chandlery_app;
