/**
 * What a client is sent that comes back with a cursor (F6): from the log where that still knows the cursor, from the table
 * where it does not, and nothing where it could not be exact.
 */
import type { StreamName } from '../../shared/streams.ts';
import type { Cursor } from './cursor.ts';
import { parseCursor } from './cursor.ts';
import type { ChannelRows, OutFrame } from './frames.ts';
import { joinFrame } from './frames.ts';
import type { Histories } from './histories.ts';
import type { FeedLog } from './log.ts';
import type { Missed, NoReplay } from './missed.ts';
import type { Position } from './ports.ts';
import { OtherRunError } from './ports.ts';
import { epochOf, isNotAfter } from './position.ts';
import type { SubscriptionRequest } from './requests.ts';

/** How often a replay is planned anew because the log has moved on meanwhile. */
const MOST_TRIES = 5;

/** What is read from the table, and the number of the log's frame that goes on from there. */
export interface Replay {
  readonly channels: readonly ChannelRows[];
  readonly number: number;
}

/** Where replays come from. */
export interface ReplaySource {
  readonly name: StreamName;
  readonly log: FeedLog;
  readonly histories: Histories;
  /** What was missed between a cursor and a position, read from the table; null where the table cannot tell. */
  missed(cursor: Cursor, to: Position): Promise<Missed> | null;
}

/** Thrown where the log has lost frames of a replay that was begun. */
export class ReplayLost extends Error {}

/**
 * Plans the replay of what came after a cursor.
 *
 * @param check called after every wait; what it throws ends the planning.
 * @throws AwayError where the database is needed and does not answer.
 */
export async function planReplay(source: ReplaySource, since: string, check: () => void): Promise<Replay | NoReplay> {
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    const known = source.log.find(since);
    try {
      const replay = known === null ? await readMissed(source, since, tries, check) : { channels: [], number: known };
      if (typeof replay === 'string' || replay.number >= source.log.start) return replay;
    } catch (error) {
      // The database server was restarted a moment ago: a look finds out.
      if (!(error instanceof OtherRunError)) throw error;
      check();
    }
  }
  return 'replay_exhausted';
}

async function readMissed(
  source: ReplaySource,
  since: string,
  tries: number,
  check: () => void,
): Promise<Replay | NoReplay> {
  const { log, histories } = source;
  const cursor = parseCursor(since);
  if (cursor === null) return 'replay_exhausted';
  const { base } = log;
  // Where the log reaches back to its beginning, that is the same place for all who come back after a restart.
  let start = tries === 0 && base !== null && isNotAfter(cursor.to, base.position) ? base : null;
  if (start === null) {
    const { held, number } = await histories.place();
    start = { number, position: held.position };
    await held.release();
    check();
  }
  if (epochOf(cursor.to.run) !== epochOf(start.position.run)) return 'epoch_changed';
  const missed = await (source.missed(cursor, start.position) ?? { kind: 'replay_exhausted' as const });
  check();
  return missed.kind === 'rows' ? { channels: missed.channels, number: start.number } : missed.kind;
}

/** Whether a replay holds frames of a channel that `isTaken`; those up to number `end` count. */
export function holds(
  log: FeedLog,
  { channels, number }: Replay,
  end: number,
  isTaken: (key: string) => boolean,
): boolean {
  if (channels.some(({ key }) => isTaken(key))) return true;
  for (let at = number; at < end; at += 1) {
    const frame = log.at(at);
    if (frame !== undefined && isTaken(frame.key)) return true;
  }
  return false;
}

/**
 * The frames of a replay for one subscription, up to the log's frame of number `end`: what the table gave, a delta without
 * rows for each channel of it, whose cursor is the head that the log's frames go on from, and then those.
 *
 * @throws ReplayLost where the caller took so long that the log has moved on.
 */
export function* replayFrames(
  { name, log }: ReplaySource,
  { channels, number }: Replay,
  end: number,
  { keys, detail, since }: SubscriptionRequest,
  now: () => number,
): Generator<OutFrame> {
  const heads = new Map<string, string>();
  for (const channel of channels) {
    if (keys !== null && !keys.has(channel.key)) continue;
    yield channel.delta(heads.get(channel.key) ?? since ?? '', detail, now(), 'replay');
    heads.set(channel.key, channel.cursor);
  }
  for (const [key, prev] of heads) {
    if (number < log.start) throw new ReplayLost();
    yield joinFrame(name, key, { prev, cursor: log.headAt(key, number) }, now());
  }
  for (let at = number; at < end; at += 1) {
    const frame = log.at(at);
    if (frame === undefined) throw new ReplayLost();
    if (keys === null || keys.has(frame.key)) yield frame.replayed(detail, now());
  }
}
