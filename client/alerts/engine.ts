/**
 * Judges the rules: what the feed brings and the time go in, what is to be announced comes out. No DOM, no clock of its own.
 *
 * Every row of a delta is judged, replayed ones too. Of a history only each line's newest row is: it says how things stand,
 * and what happened before the page looked is no news. The times that are passed in are the server's clock, in epoch ms.
 */
import type { Frame } from '../../shared/protocol.ts';
import { STREAMS, type StreamName } from '../../shared/streams.ts';
import type { News } from '../feed.ts';
import { NewestRows } from './newest.ts';
import { type Input, isAnnounced, isShown, TABLE } from './phases.ts';
import { asksSame, type Rule, seriesOf, standing, streamOf } from './rules.ts';
import type { Announcement, Judged, Reading, Seen, Standings } from './standings.ts';

export type { Announcement, Reading, Seen, Standings } from './standings.ts';

/** An anomaly is an event and no state: without another one for so long it is over. */
export const EVENT_LASTS_MS = 300_000;
/** An anomaly in a history that is older is no news. */
export const EVENT_NEWS_MS = 300_000;
/** While nothing at all was heard for longer, silence of a stream says nothing yet: the connection may just be coming back. */
const HEARD_MS = 20_000;
/** So long it may take, in ticks that were seen; a machine that slept is not blamed for the time it slept. */
const PATIENCE_MS = 15_000;
const LONGEST_STEP_MS = 5000;

export class AlertEngine {
  readonly #judged = new Map<string, Judged>();
  readonly #newest = new NewestRows();
  #setBackMs = 0;
  #last = Number.NEGATIVE_INFINITY;
  #tickedAt: number | null = null;
  #heardAt = Number.NEGATIVE_INFINITY;
  #unheardMs = 0;
  #said: Announcement[] = [];
  #seen: Seen;

  /** @param seen what the page had acknowledged before it was loaded again (`seen` of the engine before). */
  constructor(seen: Seen = {}) {
    this.#seen = seen;
  }

  /** Lines that are beyond and acknowledged, by the id of their rule. */
  get seen(): Seen {
    // Anomalies are known by their time.
    const found = [...this.#judged.values()].filter(
      ({ phase, rule }) => phase === 'acknowledged' && rule.kind !== 'anomaly',
    );
    return Object.fromEntries(found.map(({ rule, beyond }) => [rule.id, [...beyond.keys()]]));
  }

  /** How every rule stands, in the order of the rules. */
  get standings(): readonly Standings[] {
    return [...this.#judged.values()].map(({ rule, phase, count, latest, since, beyond }) => ({
      rule,
      phase,
      count,
      latest,
      since,
      beyond: beyond.size,
      isWatched: rule.key === null || this.#newest.isWatched(streamOf(rule), rule.key),
    }));
  }

  /** The rules as they are now: what was muted, acknowledged, edited or deleted is told by the difference. */
  setRules(rules: readonly Rule[], now: number): readonly Announcement[] {
    const steady = this.#steady(now);
    const wanted = new Map(rules.filter(({ enabled }) => enabled).map((rule) => [rule.id, rule]));
    const before = new Map(this.#judged);
    this.#judged.clear();
    for (const [id, rule] of wanted) {
      const known = before.get(id);
      // Who asks something else begins anew, with how things stand.
      if (known === undefined || !asksSame(known.rule, rule)) this.#begin(rule, now, steady);
      else this.#change(known, rule, now, steady);
    }
    // Who makes a rule of the same id later means another one.
    this.#seen = {};
    return this.#take();
  }

  /** Which keys of a stream the page follows; null: all there are. */
  setWatched(stream: StreamName, keys: readonly string[] | null, now: number): readonly Announcement[] {
    const steady = this.#steady(now);
    this.#newest.watch(stream, keys, steady);
    for (const judged of this.#judged.values()) {
      if (streamOf(judged.rule) !== stream) continue;
      for (const line of judged.beyond.keys()) {
        if (!this.#newest.has(stream, line)) this.#leave(judged, line);
      }
    }
    return this.#take();
  }

  /** Takes in what the feed brought. */
  hear(news: News, now: number): readonly Announcement[] {
    const steady = this.#steady(now);
    this.#heardAt = steady;
    this.#unheardMs = 0;
    if (news.type === 'snapshot') this.#load(news.frame, now, steady);
    if (news.type === 'delta') this.#append(news.frame, now, steady);
    return this.#take();
  }

  /** Time went on: about once a second, and seldom while the tab is hidden. */
  tick(now: number): readonly Announcement[] {
    const steady = this.#steady(now);
    if (steady - this.#heardAt > HEARD_MS)
      this.#unheardMs += Math.min(LONGEST_STEP_MS, steady - (this.#tickedAt ?? steady));
    this.#tickedAt = steady;
    const isFair = steady - this.#heardAt <= HEARD_MS || this.#unheardMs >= PATIENCE_MS;
    for (const judged of this.#judged.values()) {
      if (judged.mutedUntil !== null && steady >= judged.mutedUntil) {
        judged.mutedUntil = null;
        this.#input(judged, 'unmute', judged.latest, now, steady);
      }
      if (judged.phase === 'waiting' && !this.#isSoon(judged, steady))
        this.#input(judged, 'cool', judged.latest, now, steady);
      if (judged.rule.kind === 'anomaly') {
        for (const [line, at] of judged.beyond) if (steady - at >= EVENT_LASTS_MS) this.#leave(judged, line);
      }
      if (isFair) this.#judgeSilence(judged, now, steady);
    }
    return this.#take();
  }

  #load({ stream, key, series }: Frame<'snapshot'>, now: number, steady: number): void {
    if (!this.#newest.isWatched(stream, key)) return;
    const fresh = new Set<string | null>();
    for (const { name, columns, arrived } of series) {
      const last = (columns.timestamp?.length ?? 0) - 1;
      const row = Object.fromEntries(Object.entries(columns).map(([column, cells]) => [column, cells[last]]));
      if (arrived != null) this.#newest.arrive(stream, key, Math.min(steady, arrived + this.#setBackMs));
      if (last >= 0 && this.#newest.note(stream, key, name, row) === 'newer') fresh.add(name);
    }
    for (const judged of this.#judged.values()) this.#judgeNewest(judged, { stream, key }, fresh, now, steady);
  }

  #append(frame: Frame<'delta'>, now: number, steady: number): void {
    const { stream, key, rows, via, time } = frame;
    if (!this.#newest.isWatched(stream, key)) return;
    this.#newest.arrive(stream, key, steady);
    const seriesColumn = STREAMS[stream].series?.name;
    let newest = Number.NEGATIVE_INFINITY;
    for (const row of rows) {
      const name = seriesColumn === undefined ? null : row[seriesColumn];
      const series = typeof name === 'string' ? name : null;
      const isNewest = this.#newest.note(stream, key, series, row) !== 'older';
      newest = Math.max(newest, row.timestamp);
      for (const judged of this.#judged.values()) {
        // A late row does not say how things stand; an anomaly happened nevertheless.
        if (!isNewest && judged.rule.kind !== 'anomaly') continue;
        const reading = this.#newest.read(judged.rule, stream, key, series, row);
        if (reading !== null) this.#judge(judged, reading, false, now, steady);
      }
    }
    for (const judged of this.#judged.values()) {
      const { rule } = judged;
      if (streamOf(rule) !== stream || (rule.key !== null && rule.key !== key)) continue;
      // Rows that were missed come late by as long as the page was away, which says nothing about the pipeline.
      if (rule.kind === 'latency' && via !== 'replay' && rows.length > 0)
        this.#judge(judged, { stream, key, series: null, time: newest, value: time - newest }, false, now, steady);
      if (rule.kind === 'silence') this.#judgeSilence(judged, now, steady);
    }
  }

  #judgeSilence(judged: Judged, now: number, steady: number): void {
    const { rule } = judged;
    if (rule.kind !== 'silence') return;
    const arrived = this.#newest.arrivedAt(rule.stream, rule.key);
    if (arrived === null) return;
    const value = Math.max(0, steady - arrived) / 60_000;
    const reading = { stream: rule.stream, key: rule.key ?? '', series: null, time: now - value * 60_000, value };
    this.#judge(judged, reading, false, now, steady);
  }

  /**
   * Judges how a channel's lines stand, as their newest rows say. @param fresh lines whose newest row was not known; null:
   * all of them.
   */
  #judgeNewest(
    judged: Judged,
    { stream, key }: { readonly stream: StreamName; readonly key: string },
    fresh: ReadonlySet<string | null> | null,
    now: number,
    steady: number,
  ): void {
    const { rule } = judged;
    for (const { series, row } of this.#newest.lines(stream, key)) {
      const reading = this.#newest.read(rule, stream, key, series, row);
      if (reading === null) continue;
      if (rule.kind === 'anomaly') {
        if (now - reading.time > EVENT_NEWS_MS || fresh?.has(series) === false) continue;
      }
      const isSeen = reading.time <= Math.min(now, rule.acknowledged_at ?? Number.NEGATIVE_INFINITY);
      this.#judge(judged, reading, isSeen, now, steady);
    }
  }

  /** @param isSeen whether the row was acknowledged before. */
  #judge(judged: Judged, reading: Reading, isSeen: boolean, now: number, steady: number): void {
    const { rule, seen } = judged;
    const series = seriesOf(rule);
    if (series !== null && reading.series !== series) return;
    const line = lineOf(reading);
    const goesOn = seen.delete(line);
    const stands = standing(rule, reading.value);
    if (stands === 'in') {
      // Each anomaly happened for itself; of a value that stays beyond only the first row is an entry.
      const isEntry = rule.kind === 'anomaly' || !judged.beyond.has(line);
      judged.beyond.set(line, steady);
      if (!isEntry) {
        judged.latest = reading;
        return;
      }
      const input = isSeen || goesOn ? 'enter-seen' : this.#isSoon(judged, steady) ? 'enter-soon' : 'enter';
      this.#input(judged, input, reading, now, steady);
    } else if (stands === 'out' && judged.beyond.has(line)) {
      this.#leave(judged, line);
    }
  }

  #leave(judged: Judged, line: string): void {
    judged.beyond.delete(line);
    if (judged.beyond.size === 0) this.#input(judged, 'leave', judged.latest, 0, 0);
  }

  #input(judged: Judged, input: Input, reading: Reading | null, now: number, steady: number): void {
    const from = judged.phase;
    const to = TABLE[from][input];
    judged.phase = to;
    if (input.startsWith('enter')) {
      judged.count = isShown(from) || from === 'waiting' ? judged.count + 1 : 1;
      judged.latest = reading;
    }
    if (!isShown(to)) judged.since = null;
    else if (!isShown(from)) judged.since = now;
    if (!isAnnounced(from, input) || judged.latest === null) return;
    judged.announcedAt = steady;
    this.#said.push({ rule: judged.rule, reading: judged.latest });
  }

  #isSoon({ announcedAt, rule }: Judged, steady: number): boolean {
    return announcedAt !== null && steady - announcedAt < rule.cooldown_s * 1000;
  }

  #begin(rule: Rule, now: number, steady: number): void {
    const judged: Judged = {
      rule,
      phase: rule.muted === null ? 'idle' : 'muted',
      beyond: new Map(),
      seen: new Set(this.#seen[rule.id]),
      count: 0,
      latest: null,
      since: null,
      announcedAt: null,
      mutedUntil: this.#endOfMute(rule, now, steady),
    };
    this.#judged.set(rule.id, judged);
    const stream = streamOf(rule);
    for (const key of this.#newest.keys(stream)) this.#judgeNewest(judged, { stream, key }, null, now, steady);
  }

  /** Takes over what the visitor did to a rule that asks the same as before. */
  #change(judged: Judged, rule: Rule, now: number, steady: number): void {
    const before = judged.rule;
    judged.rule = rule;
    this.#judged.set(rule.id, judged);
    if (JSON.stringify(rule.muted) !== JSON.stringify(before.muted)) {
      judged.mutedUntil = this.#endOfMute(rule, now, steady);
      this.#input(judged, rule.muted === null ? 'unmute' : 'mute', judged.latest, now, steady);
    }
    // Whatever the time says: a clock may have been set back since the last one.
    if (rule.acknowledged_at !== null && rule.acknowledged_at !== before.acknowledged_at)
      this.#input(judged, 'acknowledge', judged.latest, now, steady);
  }

  /** When a mute ends on the steady clock. One that was begun in the future, by a clock set back since, lasts as long as it was meant to. */
  #endOfMute({ muted }: Rule, now: number, steady: number): number | null {
    if (muted === null) return null;
    if (muted.until === null) return Number.POSITIVE_INFINITY;
    return steady + muted.until - Math.max(muted.at, now);
  }

  /** A clock that never goes back: what waits for its time must not wait longer because a clock was set. */
  #steady(now: number): number {
    this.#setBackMs = Math.max(this.#setBackMs, this.#last - now);
    this.#last = now + this.#setBackMs;
    return this.#last;
  }

  #take(): readonly Announcement[] {
    return this.#said.splice(0);
  }
}

/** The line that a reading is of, as a name. */
function lineOf({ key, series }: Reading): string {
  return JSON.stringify([key, series]);
}
