/** How rules stand: what the engine keeps of each, and what it tells of them. Plain data. */
import type { Reading } from './newest.ts';
import { isBeyond, isShown, type Phase } from './phases.ts';
import type { Rule } from './rules.ts';

export type { Reading } from './newest.ts';

/** Something to be announced: once an entry, however many rows follow it. */
export interface Announcement {
  readonly rule: Rule;
  readonly reading: Reading;
}

/** How a rule stands, for whoever shows it. */
export interface Standings {
  readonly rule: Rule;
  readonly phase: Phase;
  /** Entries since the banner came up. */
  readonly count: number;
  /** What met the rule last; null while nothing has. */
  readonly latest: Reading | null;
  /** When the banner came up, server clock; null without one. */
  readonly since: number | null;
  /** Lines that are beyond. */
  readonly beyond: number;
  /** Whether the page gets any of the rows that the rule is about. */
  readonly isWatched: boolean;
}

/** Lines by the id of a rule. */
export type Seen = Readonly<Record<string, readonly string[]>>;

/** A rule at work, within the engine. */
export interface Judged {
  rule: Rule;
  phase: Phase;
  /** The lines that are beyond, with when they last were (steady clock). */
  readonly beyond: Map<string, number>;
  count: number;
  latest: Reading | null;
  since: number | null;
  announcedAt: number | null;
  /** Lines that were beyond and acknowledged on this page before it was loaded again. */
  readonly seen: Set<string>;
  /** When the mute ends, on the steady clock; Infinity for good, null without one. */
  mutedUntil: number | null;
}

/** How many rules ask for attention. */
export function shownCount(standings: readonly Standings[]): number {
  return standings.filter(({ phase }) => isShown(phase)).length;
}

/** Whether any line is beyond a rule. */
export function isActive({ phase }: Standings): boolean {
  return isBeyond(phase);
}
