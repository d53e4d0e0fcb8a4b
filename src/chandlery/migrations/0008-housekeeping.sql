-- What nobody needs any more: spent idempotency keys, long-ended sessions, jobs that were given up long ago.

-- A bounded bite at a time, so that no sweep holds many rows; answers how many rows went.
CREATE FUNCTION purge_spent(p_now timestamptz, p_limit integer) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_gone integer := 0;
    v_count integer;
BEGIN
    DELETE FROM idempotency_keys k USING (
        SELECT ctid FROM idempotency_keys WHERE created_at < p_now - interval '7 days' LIMIT p_limit FOR UPDATE SKIP LOCKED
    ) spent WHERE k.ctid = spent.ctid;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    v_gone := v_gone + v_count;
    DELETE FROM sessions s USING (
        SELECT id FROM sessions WHERE expires_at < p_now - interval '30 days' LIMIT p_limit FOR UPDATE SKIP LOCKED
    ) spent WHERE s.id = spent.id;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    v_gone := v_gone + v_count;
    DELETE FROM procrastinate_jobs j USING (
        SELECT f.id FROM procrastinate_jobs f
        WHERE f.status IN ('succeeded', 'failed', 'cancelled', 'aborted') AND NOT EXISTS (
            SELECT FROM procrastinate_events e WHERE e.job_id = f.id AND e.at > p_now - interval '30 days'
        ) LIMIT p_limit FOR UPDATE SKIP LOCKED
    ) spent WHERE j.id = spent.id;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_gone + v_count;
END
$$;
REVOKE EXECUTE ON FUNCTION purge_spent(timestamptz, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION purge_spent(timestamptz, integer) TO chandlery_jobs;
