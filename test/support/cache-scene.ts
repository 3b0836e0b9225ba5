/** Random rows of a stream, and random questions about its past: what the cache of history is held against its reader with. */
import type { ChangedRow, SnapshotRequest } from '../../server/feed/ports.ts';
import { columnsOf, type StreamDeclaration } from '../../shared/streams.ts';
import { pick } from './random.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

export const CACHE_KEYS = ['BTC/USDT', 'ETH/USDT', 'SOL/USDT'];

/** Texts of numbers as PostgreSQL prints them: few, so that extremes tie, and some that are none. */
const NUMBERS = ['0', '1', '1', '2', '-3', '4.5', '1e+21', '-0.25', '2.50', null, 'NaN', 'Infinity', '-Infinity'];

/** A row that is written at `now` (epoch ms): late or early, beside others or at their time, with or without values. */
export function randomRow(stream: StreamDeclaration, random: () => number, now: number, id: number): ChangedRow {
  const key = pick(random, CACHE_KEYS);
  const series = stream.series === null || random() < 0.02 ? null : pick(random, ['a', 'a', 'b', 'é"']);
  const time = randomTime(random, now);
  const cells = columnsOf(stream).map(({ name, kind, required }): string | null => {
    if (name === 'id') return String(id);
    if (name === 'timestamp') return String(time);
    if (name === stream.key.name) return key;
    if (name === stream.series?.name) return series;
    if (name === 'created_at') return writtenAt(random, now);
    if (kind === 'document') return null;
    if (kind === 'text') return pick(random, ['%', 'm"s', null]);
    if (kind === 'timestamp') return pick(random, [String(now), null]);
    if (kind === 'integer') return pick(random, ['1', '2', '7', null]);
    const number = pick(random, NUMBERS);
    return number === null && required ? '0' : number;
  });
  return { id: String(id), time, key, series, cells, xid: BigInt(id) };
}

function randomTime(random: () => number, now: number): number {
  const kind = random();
  const whole = (time: number): number => Math.floor(time / 1000) * 1000;
  if (kind < 0.5) return whole(now - random() * 5000);
  if (kind < 0.65) return now - random() * MINUTE;
  if (kind < 0.8) return whole(now - random() * 20 * MINUTE);
  if (kind < 0.9) return whole(now - random() * 3 * HOUR);
  return whole(now + random() * 6 * MINUTE);
}

/** Seldom ahead of the clock, and never so far that nobody would believe it. */
function writtenAt(random: () => number, now: number): string | null {
  const kind = random();
  if (kind < 0.05) return null;
  if (kind < 0.1) return String(now + random() * 50_000);
  return String(now - (kind < 0.2 ? random() * HOUR : 0));
}

/** What a chart shows: few buckets or many. */
export type Picture = Pick<SnapshotRequest, 'range' | 'resolution'>;

export function randomPicture(random: () => number): Picture {
  return {
    range: { kind: 'window', ms: pick(random, [15 * MINUTE, HOUR, 24 * HOUR]) },
    resolution: pick(random, [
      { points: 16 },
      { points: 40 },
      { points: 1200 },
      { bucketMs: 90_000 },
      { bucketMs: 25_000, columns: 40 },
    ]),
  };
}

/** A question about some keys or every key, in one of some pictures: the same ones again and again, as charts ask. */
export function randomQuestion(random: () => number, now: number, pictures: readonly Picture[]): SnapshotRequest {
  const keys = random() < 0.25 ? null : CACHE_KEYS.filter(() => random() < 0.6);
  return { ...pick(random, pictures), keys: keys?.length === 0 ? ['none'] : keys, now, pointLimit: 500_000 };
}
