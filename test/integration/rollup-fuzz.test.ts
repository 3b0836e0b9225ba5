/** Rollups under everything at once: at any moment every pack is what M4 keeps of the rows visible at the position. */
import type pg from 'pg';
import { expect, it } from 'vitest';
import { StreamRollup } from '../../server/db/rollup/step.ts';
import { HOUR_MS } from '../../server/db/rollup/tables.ts';
import { STREAMS, type StreamDeclaration } from '../../shared/streams.ts';
import { freshDatabase } from '../support/postgres.ts';
import { pick, seeded, seeds, withSeed } from '../support/random.ts';
import { AT_ONCE, comparePacks, settle } from '../support/rollups.ts';
import { HYPERTABLES } from '../support/timescale.ts';

const FILE = 'test/integration/rollup-fuzz.test.ts';
const STEPS = 150;
/** Rewriting rows has their hours packed again: in the last steps nothing hides a pack that was forgotten. */
const REWRITES = 100;
const WRITERS = 3;

it('packs never differ from the rows at their position, and in the end none is missing', {
  timeout: 120_000 * Number(process.env.FUZZ ?? 1),
}, async () => {
  for (const seed of seeds(2)) await withSeed(seed, FILE, () => run(seed));
});

interface Writer {
  readonly client: pg.Client;
  open: boolean;
}

async function run(seed: number): Promise<void> {
  const random = seeded(seed);
  const stream = pick<StreamDeclaration>(random, [
    STREAMS.system_metrics,
    STREAMS.funding_rates,
    STREAMS.signal_predictions,
  ]);
  const db = await freshDatabase({ migrated: true });
  try {
    const client = await db.connect();
    const writers: Writer[] = [];
    for (let index = 0; index < WRITERS; index += 1) writers.push({ client: await db.connect(), open: false });
    // A writer that waits for a row that another one changed gives up: here, all take turns.
    for (const writer of writers) await writer.client.query('set lock_timeout = 1');
    const anew = (): StreamRollup =>
      new StreamRollup(stream, { ...AT_ONCE, rowsAtOnce: 50 + Math.floor(random() * 2000) }, HYPERTABLES);
    let rollup = anew();
    for (let step = 0; step < STEPS; step += 1) {
      const writer = pick(random, writers);
      const dice = random();
      if (dice < 0.1) await toggle(writer, 'begin');
      else if (dice < 0.2) await toggle(writer, random() < 0.8 ? 'commit' : 'rollback');
      else if (dice < 0.6) await write(writer, stream, random, step < REWRITES);
      else if (dice < 0.62) rollup = anew();
      else {
        await rollup.step(client);
        await comparePacks(client, stream);
      }
    }
    for (const writer of writers) await toggle(writer, 'commit');
    await comparePacks(client, stream);
    // Hours that have not ended have no packs yet.
    const current = Math.floor(Date.now() / HOUR_MS) * HOUR_MS;
    await settle(client, rollup);
    const { holes } = await comparePacks(client, stream);
    expect(holes.filter((hole) => Number(/ (\d+): /.exec(hole)?.[1]) < current)).toEqual([]);
  } finally {
    await db.drop();
  }
}

async function toggle(writer: Writer, statement: 'begin' | 'commit' | 'rollback'): Promise<void> {
  if (writer.open === (statement === 'begin')) return;
  await writer.client.query(statement);
  writer.open = !writer.open;
}

/** One statement of a writer; where it has to wait for another writer it is undone. */
async function write(
  writer: Writer,
  stream: StreamDeclaration,
  random: () => number,
  rewrites: boolean,
): Promise<void> {
  const { client, open } = writer;
  if (open) await client.query('savepoint before');
  try {
    await client.query(statementOf(stream, random, open, rewrites));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === '55P03')) throw error;
    if (open) await client.query('rollback to savepoint before');
  }
}

function statementOf(stream: StreamDeclaration, random: () => number, open: boolean, rewrites: boolean): string {
  const whole = (most: number): number => Math.floor(random() * most);
  const hours = `${whole(5) - 1} * interval '1 hour'`;
  const hour = `date_trunc('hour', now()) - ${hours}`;
  // Some at a time, so that what is noted of one hour does not hide what was not of another.
  const some = `"timestamp" >= ${hour} and "timestamp" < ${hour} + interval '1 hour' and id % ${2 + whole(100)} = ${whole(3)}`;
  const dice = random();
  // Inside an open transaction it would shut everybody out until that ends.
  if (rewrites && dice < 0.02 && !open) return `truncate ${stream.table}`;
  if (rewrites && dice < 0.08) return `delete from ${stream.table} where ${some}`;
  if (rewrites && dice < 0.15) {
    // TimescaleDB refuses to move a row to another chunk.
    const shift = HYPERTABLES ? 0 : whole(3) - 1;
    return `update ${stream.table} set "timestamp" = "timestamp" - ${shift} * interval '1 hour' where ${some}`;
  }
  const columns = ['"timestamp"', stream.key.name, ...(stream.series === null ? [] : [stream.series.name])];
  // Few distinct times, so that rows tie.
  const values = [
    `${hour} + floor(random() * 3000) * interval '1 second'`,
    `'K${whole(2)}'`,
    ...(stream.series === null ? [] : [`'S${whole(2)}'`]),
  ];
  for (const { name, kind } of stream.values) {
    if (kind === 'timestamp' || kind === 'text') continue;
    columns.push(name);
    const missing =
      kind === 'decimal' ? '0' : `(array['NaN', 'Infinity', '-Infinity'])[1 + floor(random() * 3)]::float8`;
    values.push(`case when random() < 0.1 then ${missing} else floor(random() * 20) / 100 end`);
  }
  return `insert into ${stream.table} (${columns.join(', ')}) select ${values.join(', ')}
    from generate_series(1, ${pick(random, [1, 5, 60, 200, 800])})`;
}
