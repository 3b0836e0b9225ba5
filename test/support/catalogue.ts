/** What a test compares to say that a database is as it was: the catalogue's objects, and the files that hold the rows. */
import type { ClientBase } from 'pg';

type Client = Pick<ClientBase, 'query'>;

/** One line an object: schemas, relations, columns, triggers, functions, constraints. System and extension schemas are left out. */
export async function catalogueDump(client: Client): Promise<readonly string[]> {
  const { rows } = await client.query<{ line: string }>(`
    with spaces as (select oid, nspname from pg_namespace where nspname !~ '^(pg_|_?timescaledb|information_schema)')
    select 'schema ' || nspname as line from spaces
    union all select format('%s %s.%s owner %s acl %s', c.relkind, n.nspname, c.relname, c.relowner::regrole, c.relacl)
      from pg_class c join spaces n on n.oid = c.relnamespace
    union all select format('column %s.%s.%s %s %s %s', n.nspname, c.relname, a.attname,
        format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid))
      from pg_class c join spaces n on n.oid = c.relnamespace
      join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
    union all select format('index %s valid %s', pg_get_indexdef(i.indexrelid), i.indisvalid)
      from pg_index i join pg_class c on c.oid = i.indexrelid join spaces n on n.oid = c.relnamespace
    union all select format('trigger %s %s', pg_get_triggerdef(t.oid), t.tgenabled)
      from pg_trigger t join pg_class c on c.oid = t.tgrelid join spaces n on n.oid = c.relnamespace
    union all select format('function %s', p.oid::regprocedure) from pg_proc p join spaces n on n.oid = p.pronamespace
    union all select format('constraint %s %s', o.conrelid::regclass, pg_get_constraintdef(o.oid))
      from pg_constraint o join spaces n on n.oid = o.connamespace
    order by 1`);
  return rows.map(({ line }) => line);
}

/** A table's file and every row's place, version and content, without the dashboard's own column. */
export async function rowsAsStored(client: Client, table: string): Promise<readonly unknown[]> {
  const file = await client.query(`select pg_relation_filenode($1) as file`, [table]);
  const rows = await client.query(
    `select ctid::text, xmin::text, xmax::text, to_jsonb(t) - 'dashboard_xid' as row from ${table} t order by 1`,
  );
  return [file.rows[0], ...rows.rows];
}
