-- The doorbell: tells listeners that a table has new rows, and never what they are.
--
-- It runs inside the statement of a writer that knows nothing of the dashboard. So it must not fail (every error is
-- swallowed, a table whose doorbell is broken is read by the tick), must need no rights of the writer (security definer,
-- every name qualified), and must be cheap: NOTIFY takes a lock on the whole database at commit, so one ring in each 5 ms
-- of the clock is enough. The gate is a sequence that holds the last 5 ms in which it rang, because setval is not
-- transactional: others see it at once, and it holds nothing. It is compared for equality, so that a clock that was set
-- back does not shut the gate.
--
-- A full notification queue fails the writer's COMMIT, where no handler reaches: so it rings only below half.

create or replace function alphapulse_dashboard.ring_through_gate(stream pg_catalog.text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  gate text := 'alphapulse_dashboard.gate_' || stream;
  moment int8 := date_part('epoch', clock_timestamp()) * 200;
begin
  if moment is distinct from pg_sequence_last_value(gate::regclass) then
    perform setval(gate::regclass, moment);
    if pg_notification_queue_usage() < 0.5 then
      perform pg_notify('alphapulse_dashboard', stream);
    end if;
  end if;
  perform set_config(gate, moment::text, false);
end
$$;

-- What every INSERT runs. Most find the gate shut, and a session that has seen it shut remembers so for those 5 ms in a
-- setting of its own: reading that costs a third of reading the sequence under a handler for errors and a search path of
-- its own. So this function has neither: nothing before the inner block can fail, and it qualifies operators too.

create or replace function alphapulse_dashboard.ring() returns trigger
language plpgsql security definer
as $$
begin
  if pg_catalog.current_setting('alphapulse_dashboard.gate_' operator(pg_catalog.||) tg_argv[0], true)
    operator(pg_catalog.=) (pg_catalog.date_part('epoch', pg_catalog.clock_timestamp())
      operator(pg_catalog.*) 200::pg_catalog.float8)::pg_catalog.int8::pg_catalog.text
  then
    return null;
  end if;
  begin
    perform alphapulse_dashboard.ring_through_gate(tg_argv[0]);
  exception when others then
    return null;
  end;
  return null;
end
$$;

-- Firing a trigger needs no right on its function; only making one does, and that is for these functions' owner.
revoke all on function alphapulse_dashboard.ring() from public;
revoke all on function alphapulse_dashboard.ring_through_gate(pg_catalog.text) from public;
