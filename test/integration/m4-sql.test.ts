/** The reduction in SQL and the one in memory are held to the same answer, on seeded rows of every awkward kind. */
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readBinary, textCell } from '../../server/db/binary-rows.ts';
import { packedAll, packedM4, packedStrongest } from '../../server/db/history/m4-sql.ts';
import { joinPacks, type PackedRows, selectRows, unpack } from '../../server/db/history/pack.ts';
import { keeperOf } from '../../shared/reduce.ts';
import { STREAMS, type StreamDeclaration } from '../../shared/streams.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { pick, seeded, seeds, withSeed } from '../support/random.ts';

const FILE = 'test/integration/m4-sql.test.ts';
const SEEDS = seeds(6, [11]);
const START = Date.UTC(2026, 0, 15);

let database: TestDatabase;
let client: pg.Client;

beforeAll(async () => {
  database = await freshDatabase({ migrated: true });
  client = await database.connect();
});
afterAll(() => database.drop());

type Random = () => number;
type Value = string | null;

/** Numbers with ties, constant runs, nulls and what is not finite. */
function numbers(random: Random, odd: readonly Value[]): () => Value {
  let run: Value = '0';
  return () => {
    const dice = random();
    if (dice < 0.3) return run;
    if (dice < 0.4) return pick(random, [null, ...odd]);
    run = dice < 0.7 ? String(Math.floor(random() * 5)) : (random() * 1000 - 500).toFixed(4);
    return run;
  };
}

/** Times in microseconds from START on, many of them equal or microseconds apart, with holes between them. */
function times(random: Random, count: number): string[] {
  let time = 0;
  return Array.from({ length: count }, () => {
    time += Math.floor(
      pick(random, [0, 1, 400, 1_000_000, 7_000_000, random() < 0.05 ? 900_000_000 : 50_000]) * random() * 2,
    );
    return new Date(START + Math.floor(time / 1000))
      .toISOString()
      .replace('Z', `${String(time % 1000).padStart(3, '0')}Z`);
  }).sort(() => random() - 0.5);
}

/** Rows that JSON describes, into an emptied table: the order of writing is not that of time. */
async function write(stream: StreamDeclaration, rows: readonly Readonly<Record<string, Value>>[]): Promise<void> {
  const names = Object.keys(rows[0] ?? {});
  await client.query(`truncate ${stream.table}`);
  await client.query(
    `insert into ${stream.table} (${names.map((name) => `"${name}"`).join(', ')})
     select ${names.map((name) => `"${name}"`).join(', ')} from json_populate_recordset(null::${stream.table}, $1)`,
    [JSON.stringify(rows)],
  );
}

async function packs(stream: StreamDeclaration, sql: string): Promise<ReadonlyMap<string, PackedRows>> {
  const rows = await readBinary(client, `select series, columns from (${sql}) p`);
  const read = new Map<string, PackedRows>();
  for (const [series, columns] of rows) {
    const pack = columns == null ? null : unpack(stream, [columns]);
    if (pack !== null) read.set(textCell(series) ?? '', pack);
  }
  return read;
}

/** Everything of rows that is sent, and what their buckets count. */
function content(rows: PackedRows) {
  const buckets = new Map<number, number>();
  for (const [at, start] of rows.starts.entries())
    buckets.set(start, (buckets.get(start) ?? 0) + (rows.counts[at] ?? 0));
  return {
    rows: Array.from(rows.times, (time, at) => [rows.ids[at], time, ...rows.values.map((value) => value.json(at))]),
    buckets: [...buckets],
  };
}

/** The rows that the reduction in memory keeps of all of them. */
function reduced(stream: StreamDeclaration, all: PackedRows, bucketMs: number): PackedRows {
  const column = (name: string): Float64Array =>
    all.values[stream.values.findIndex((value) => value.name === name)]?.numbers ?? new Float64Array();
  return selectRows(all, keeperOf(stream)({ times: all.times, column }, bucketMs));
}

const counted = (all: PackedRows, bucketMs: number): (readonly [number, number])[] => {
  const buckets = new Map<number, number>();
  for (const time of all.times) {
    const start = Math.floor(time / bucketMs) * bucketMs;
    buckets.set(start, (buckets.get(start) ?? 0) + 1);
  }
  return [...buckets];
};

const WIDTHS = [1, 250, 5_000, 60_000, 77_000, 3_600_000];
const ODD = ['NaN', 'Infinity', '-Infinity'];

/** Rows of each stream that is drawn as lines: the values are what M4 looks at. */
const LINES: readonly [StreamDeclaration, (random: Random) => () => Record<string, Value>][] = [
  [
    STREAMS.system_metrics,
    (random) => {
      const value = numbers(random, ODD);
      return () => ({
        metric_name: 'm',
        metric_value: value() ?? 'NaN',
        metric_unit: pick(random, [null, '%', 'a,"b"\\n', 'ms', '']),
      });
    },
  ],
  [
    STREAMS.funding_rates,
    (random) => {
      const rate = numbers(random, ['NaN']);
      const estimate = numbers(random, ['NaN']);
      return () => ({
        symbol: 'S',
        exchange: 'e',
        funding_rate: scaled(rate()) ?? '0',
        estimated_rate: scaled(estimate()),
        next_funding_time: pick(random, [null, 'infinity', '2026-01-15T08:00:00.000001Z']),
      });
    },
  ],
  [
    STREAMS.performance_metrics,
    (random) => {
      const values = Array.from({ length: 4 }, () => numbers(random, ODD));
      return () => ({
        symbol: 'S',
        strategy_id: 's',
        pnl: values[0]?.() ?? null,
        win_rate: values[1]?.() ?? null,
        drawdown: null,
        execution_time: pick(random, ['NaN', null]),
        trade_count: pick(random, [null, '1', '2', '3']),
        avg_position_size: values[2]?.() ?? null,
        max_position_size: values[3]?.() ?? null,
      });
    },
  ],
];

/** Into decimal(10,8). */
function scaled(value: Value): Value {
  return value === null || value === 'NaN' ? value : (Number(value) / 1000).toFixed(8);
}

describe('M4 in SQL', () => {
  it.each(LINES.map(([stream, row]) => ({ stream, row, name: stream.name })))(
    'of $name keeps the rows that M4 in memory keeps, counts what it left out, and composes',
    async ({ stream, row }) => {
      for (const seed of SEEDS)
        await withSeed(seed, FILE, async () => {
          const random = seeded(seed);
          const next = row(random);
          await write(
            stream,
            times(random, 1 + Math.floor(random() * 800)).map((timestamp) => ({ timestamp, ...next() })),
          );
          const from = { from: `${stream.table} t` };
          const [all] = (await packs(stream, `select 'a' as series, * from (${packedAll(stream, from)}) p`)).values();
          if (all === undefined) throw new Error('nothing was packed');
          for (const width of WIDTHS) {
            const sql = packedM4(stream, from, `interval '${width} ms'`);
            const [inSql] = (await packs(stream, `select 'a' as series, * from (${sql}) p`)).values();
            if (inSql === undefined) throw new Error('nothing was reduced');
            const wanted = reduced(stream, all, width);
            expect(content(inSql).rows).toEqual(content(wanted).rows);
            expect(content(inSql).buckets).toEqual(counted(all, width));
            for (const factor of [2, 3, 60]) {
              expect(content(reduced(stream, inSql, width * factor)).rows).toEqual(
                content(reduced(stream, all, width * factor)).rows,
              );
            }
          }
        });
    },
  );

  it('of no rows is no rows', async () => {
    await client.query('truncate system_metrics');
    const from = { from: 'system_metrics t' };
    for (const sql of [
      packedM4(STREAMS.system_metrics, from, `interval '1 s'`),
      packedAll(STREAMS.system_metrics, from),
    ]) {
      const [none] = (await packs(STREAMS.system_metrics, `select 'a' as series, * from (${sql}) p`)).values();
      expect(none && content(none)).toEqual({ rows: [], buckets: [] });
    }
  });

  it('of anomalies keeps the rows that the reduction in memory keeps', async () => {
    const stream = STREAMS.anomalies;
    for (const seed of SEEDS)
      await withSeed(seed, FILE, async () => {
        const random = seeded(seed);
        const score = numbers(random, ODD);
        const rows = times(random, 1 + Math.floor(random() * 800)).map((timestamp) => ({
          timestamp,
          symbol: 'S',
          data_type: pick(random, ['a', 'b']),
          value: '1',
          z_score: score() ?? 'NaN',
          threshold: pick(random, [null, 'NaN', '2', '400', 'Infinity']),
        }));
        await write(stream, rows);
        for (const width of WIDTHS) {
          const sql = packedStrongest(stream, { from: 'anomalies t' }, `interval '${width} ms'`, '0');
          for (const [series, inSql] of await packs(stream, sql)) {
            const own = { from: `anomalies t where t.data_type = '${series}'` };
            const [all] = (await packs(stream, `select 'a' as series, * from (${packedAll(stream, own)}) p`)).values();
            if (all === undefined) throw new Error('nothing was packed');
            expect(content(inSql).rows).toEqual(content(reduced(stream, all, width)).rows);
            expect(content(inSql).buckets).toEqual(counted(all, width));
          }
        }
      });
  });
});

describe('packs of one line', () => {
  it('are joined in order of time and id, however they overlap', async () => {
    const stream = STREAMS.funding_rates;
    for (const seed of SEEDS)
      await withSeed(seed, FILE, async () => {
        const random = seeded(seed);
        const next = LINES[1]?.[1](random);
        await write(
          stream,
          times(random, 300).map((timestamp) => ({ timestamp, ...next?.() })),
        );
        const parts: PackedRows[] = [];
        for (const rest of [0, 1, 2]) {
          const sql = packedAll(stream, { from: `funding_rates t where t.id % 3 = ${rest}` });
          parts.push(...(await packs(stream, `select 'a' as series, * from (${sql}) p`)).values());
        }
        const sql = packedAll(stream, { from: 'funding_rates t' });
        const [all] = (await packs(stream, `select 'a' as series, * from (${sql}) p`)).values();
        expect(content(joinPacks(parts)).rows).toEqual(all && content(all).rows);
      });
  });
});
