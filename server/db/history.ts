/**
 * Reads the history of channels, reduced to what can be seen, as of the snapshot of the transaction it is called in. The
 * parts are in `history/`; this file says what is read of a channel, and puts it together.
 */
import type { StreamDeclaration } from '../../shared/streams.ts';
import type { SnapshotRequest } from '../feed/ports.ts';
import { LimitError } from '../feed/ports.ts';
import type { ReducedChannel } from '../feed/reduced.ts';
import { encodeChannel } from '../feed/reduced.ts';
import { MINUTES, minutesShown } from '../feed/window.ts';
import { type ChannelAges, indexRanges, readAges, readLineAge } from './history/ages.ts';
import { readLatest } from './history/latest.ts';
import type { HistoryOptions, Plan } from './history/plan.ts';
import { makePlan } from './history/plan.ts';
import { readWindow, type WindowLine } from './history/window.ts';
import type { Queryable } from './queryable.ts';
import { readColumn } from './queryable.ts';

export type { HistoryOptions } from './history/plan.ts';

/** Keys that are read together: of ranges, whose rows are held for all of them; and of `latest`, one row a line. */
const KEYS_AT_ONCE = { window: 16, latest: 128 } as const;

/**
 * The history of every channel that a request asks for, in order of key (of asking, where it names keys).
 *
 * @param client inside an open REPEATABLE READ transaction; nothing but reading is done on it.
 * @throws LimitError where keys times buckets is more than the request's `pointLimit`.
 */
export async function* readChannels(
  client: Queryable,
  stream: StreamDeclaration,
  request: SnapshotRequest,
  options: HistoryOptions = {},
): AsyncGenerator<ReducedChannel> {
  const plan = makePlan(stream, request, options);
  const keys = request.keys === null ? await everyKey(client, plan) : [...new Set(request.keys)];
  const buckets = plan.window?.buckets ?? 1;
  if (keys.length * buckets > request.pointLimit) {
    throw new LimitError(
      `${keys.length} keys of ${stream.name} with ${buckets} points each are ${keys.length * buckets} points; ` +
        `at most ${request.pointLimit} are answered at once: ask for fewer keys or points`,
    );
  }
  const atOnce = KEYS_AT_ONCE[request.range.kind];
  for (let start = 0; start < keys.length; start += atOnce) {
    const some = keys.slice(start, start + atOnce);
    // PostgreSQL knows no text with NUL in it: such a key has no rows, and asking for it would end the transaction of all.
    const ranges = await indexRanges(
      client,
      plan,
      some.filter((key) => !key.includes('\0')),
    );
    const lines =
      plan.window === null
        ? await readLatest(client, plan, ranges)
        : await readWindow(client, plan, plan.window, ranges);
    const ages = plan.ages ? await readAges(client, plan, ranges) : null;
    for (const key of some) yield await describe(client, plan, key, lines.get(key) ?? [], ages?.get(key) ?? null);
  }
}

/**
 * The same as the ends of snapshot frames.
 *
 * @throws LimitError as `readChannels`.
 */
export async function* readSnapshot(
  client: Queryable,
  stream: StreamDeclaration,
  request: SnapshotRequest,
  options: HistoryOptions = {},
): AsyncGenerator<{ readonly key: string; readonly body: { readonly text: string } }> {
  for await (const channel of readChannels(client, stream, request, options)) {
    yield { key: channel.key, body: { text: encodeChannel(stream, channel) } };
  }
}

async function everyKey(client: Queryable, { queries, window }: Plan): Promise<readonly string[]> {
  const keys =
    window === null
      ? await readColumn(client, { text: queries.keys })
      : await readColumn(client, { text: queries.keysSince }, [window.from]);
  return [...keys].sort((a, b) => (a < b ? -1 : 1));
}

async function describe(
  client: Queryable,
  plan: Plan,
  key: string,
  lines: readonly WindowLine[],
  ages: ChannelAges | null,
): Promise<ReducedChannel> {
  const { window, minutesFrom, now, margins } = plan;
  const counts = ages?.counts ?? new Array<number>(MINUTES).fill(0);
  const reduced = lines.some((line) => line.reduced);
  const aged = [];
  for (const line of lines) {
    const known = ages?.lines.get(line.name) ?? null;
    const age = known ?? (ages !== null && needsOwn(plan) ? await readLineAge(client, plan, key, line.name) : null);
    aged.push({ ...line, arrived: age?.arrived ?? null, spacingMs: age?.spacingMs ?? null });
  }
  return {
    key,
    from: window === null ? null : reduced ? window.edge : window.from,
    to: window === null ? null : Math.min(window.to, now),
    reduced,
    bucketMs: window?.bucketMs ?? 1,
    rowsTotal: lines.reduce((sum, { total }) => sum + total, 0),
    lines: aged,
    minutes: { from: minutesFrom, counts: margins ? counts : minutesShown(counts) },
  };
}

/** Whether a line may be hidden behind the newest rows of its key. */
function needsOwn({ queries, stream }: Plan): boolean {
  return !queries.lineByLine && stream.series !== null;
}
