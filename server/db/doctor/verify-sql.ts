/** The queries that hold packs against the rows that they were made of. The database compares; rows never leave it. */
import { quoteIdentifier } from '../../../shared/columns.ts';
import { CURSOR_COLUMN, type StreamDeclaration, TIME_COLUMN } from '../../../shared/streams.ts';
import { OWN_SCHEMA } from '../catalogue.ts';
import { packedAll, packedM4 } from '../history/m4-sql.ts';
import { DOUBTS_VIEW } from '../migrate/facts.ts';
import type { LinePart } from '../rollup/lines-sql.ts';
import { instant } from '../rollup/tables.ts';

/** SQL texts of one stream. Hours are bound as epoch ms of their beginning. */
export interface VerifyQueries {
  /** `[hour, width, packs, rows]` for each hour and width with packs of stream `$1`, newest hour first. */
  readonly hours: string;
  /**
   * `[key, line, rows packed, rows there, noted, compared, last key, last line]` of the packs of a width (s) of hour `$1`
   * that differ from what the rows give that are visible in the snapshot `$2`, whose xmin is `$3`; at most `$6` packs in
   * order after key `$4` and line `$5`, null for the first. `noted`: rows of that hour were rewritten or dropped, and the pack is not read. Where none
   * differs, one row with null for all but the last three.
   */
  differing(part: LinePart, width: number): string;
  /** `[pack, pack made anew]` of key `$4` and line `$5`. */
  both(part: LinePart, width: number): string;
}

/** The parts that a stream's lines are in, and which lines of packs those are. */
export const LINES_OF_PART: Readonly<Record<LinePart, string>> = {
  key: 'true',
  named: `r.line <> ''`,
  nameless: `r.line = ''`,
};

/** Builds the queries of a stream. */
export function verifyQueries(stream: StreamDeclaration): VerifyQueries {
  const time = `t.${quoteIdentifier(TIME_COLUMN.name)}`;
  const xid = `t.${quoteIdentifier(CURSOR_COLUMN)}`;
  const series = stream.series === null ? null : `t.${quoteIdentifier(stream.series.name)}`;
  const conditions: Readonly<Record<LinePart, string>> = {
    key: '',
    named: `and ${series} = substr(c.line, 2)`,
    nameless: `and ${series} is null`,
  };
  // What came after the position is no fault of the packs: readers add it.
  const visible = `(${xid} is null or ${xid} < $3::xid8 or pg_visible_in_snapshot(${xid}, $2::pg_snapshot))`;
  const anew = (part: LinePart, width: number): string => {
    const rows = {
      from: `${quoteIdentifier(stream.table)} t where t.${quoteIdentifier(stream.key.name)} = c.key ${conditions[part]}
        and ${time} >= ${instant('$1')} and ${time} < ${instant('$1')} + interval '1 hour' and ${visible}`,
    };
    return width === 0 ? packedAll(stream, rows) : packedM4(stream, rows, `interval '${width} seconds'`);
  };
  const packs = (part: LinePart, width: number): string => `${OWN_SCHEMA}.rollups r
    where r.stream = '${stream.name}' and r.hour = ${instant('$1')} and r.width = ${width} and ${LINES_OF_PART[part]}`;
  return {
    hours: `select (extract(epoch from hour) * 1000)::float8::text, width::text, count(*)::text, sum(rows)::text
      from ${OWN_SCHEMA}.rollups where stream = $1 group by hour, rollups.width order by hour desc, rollups.width`,
    differing: (part, width) => `with chosen as materialized (
        select r.key, r.line, r.rows, r.columns from ${packs(part, width)} and ($4::text is null or (r.key, r.line) > ($4, $5))
        order by r.key, r.line limit $6::int),
      read as (
        select count(*) as packs, (array_agg(key order by key desc, line desc))[1] as key,
          (array_agg(line order by key desc, line desc))[1] as line from chosen),
      differing as (
        select c.key, c.line, c.rows, p.rows as rows_there from chosen c cross join lateral (${anew(part, width)}) p
        where p.rows <> c.rows or p.columns is distinct from c.columns)
      select d.key, d.line, d.rows::text, d.rows_there::text, (exists (
          select from ${OWN_SCHEMA}.${DOUBTS_VIEW} w where w.stream = '${stream.name}'
            and ${instant('$1')} <= w.to_time and ${instant('$1')} + interval '1 hour' > w.from_time))::text,
        read.packs::text, read.key, read.line
      from read left join differing d on true order by 1, 2`,
    both: (part, width) => `select c.columns, p.columns
      from (select r.* from ${packs(part, width)} and r.key = $4 and r.line = $5) c
      cross join lateral (${anew(part, width)}) p`,
  };
}
