/** What doctor finds, and how it is told: one line each for people, or all of it as JSON. */

import type { FindingCode } from './codes.ts';

/** `fail`: something cannot work. `warn`: it works, but not as well as it could, or not for long. */
export type Level = 'ok' | 'warn' | 'fail';

/** One thing that was looked at. */
export interface Finding {
  readonly level: Level;
  /** What it concerns: `database`, `configuration`, `migrations`, `rollups`, `retention`, or a stream's name. */
  readonly about: string;
  /** Names the finding for programs; the same whatever the words are. */
  readonly code: FindingCode;
  /** A sentence without its full stop. */
  readonly what: string;
  /** A command or the SQL that mends it; null where nothing is to be mended. */
  readonly mend: string | null;
}

/** Something that is right. */
export function ok(about: string, code: FindingCode, what: string): Finding {
  return { level: 'ok', about, code, what, mend: null };
}

/** Something that could be better. */
export function warn(about: string, code: FindingCode, what: string, mend: string | null): Finding {
  return { level: 'warn', about, code, what, mend };
}

/** Something that keeps a stream, or all of them, from working. */
export function fail(about: string, code: FindingCode, what: string, mend: string | null): Finding {
  return { level: 'fail', about, code, what, mend };
}

/** Whether nothing failed. */
export function healthy(findings: readonly Finding[]): boolean {
  return findings.every(({ level }) => level !== 'fail');
}

const WIDTH = 4;

/** A finding as one line. What comes out of the database may hold line breaks, which are made spaces. */
export function lineOf({ level, about, what, mend }: Finding): string {
  const line = `${level.padEnd(WIDTH)}  ${about}: ${what}${mend === null ? '' : `. Mend: ${mend}`}`;
  return line.replace(/\s*[\r\n]+\s*/g, ' ');
}

/** How many of each there are, in one line. */
export function summaryOf(findings: readonly Finding[]): string {
  const count = (wanted: Level): number => findings.filter(({ level }) => level === wanted).length;
  return `${findings.length} findings: ${count('ok')} ok, ${count('warn')} to look at, ${count('fail')} failed`;
}

/** Everything as one JSON document. */
export function jsonOf(findings: readonly Finding[]): string {
  return JSON.stringify({ healthy: healthy(findings), findings }, null, 2);
}
