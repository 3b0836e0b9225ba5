/** Text on a terminal's cells: how wide it is, what of it fits, and nothing in it that a terminal would act on. Pure. */

/** What a stretch of text is, for which a terminal has a look; never the only thing that says so. */
export type Tone = 'plain' | 'dim' | 'strong' | 'good' | 'gain' | 'loss' | 'warn' | 'alarm' | 'chosen';

export interface Segment {
  readonly text: string;
  readonly tone: Tone;
}

/** One line of a screen. */
export type Line = readonly Segment[];

export const segment = (text: string, tone: Tone = 'plain'): Segment => ({ text, tone });

/** Controls, among them what begins an escape sequence, and marks that turn the direction of writing. */
const UNSAFE = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;
const NO_WIDTH = /^[\p{Mn}\p{Me}\p{Cf}]$/u;
/** East Asian wide and fullwidth characters, and pictures: two cells each. */
const WIDE =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1f64f}\u{1f680}-\u{1f6ff}\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}]$/u;

/** Text from a database or a server as a terminal may be given it. */
export function clean(text: string): string {
  return text.replace(UNSAFE, '?');
}

/** Cells that a text takes. */
export function widthOf(text: string): number {
  let width = 0;
  for (const character of text) width += cellsOf(character);
  return width;
}

function cellsOf(character: string): number {
  if (character <= '~') return 1;
  if (NO_WIDTH.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}

/** The text in at most so many cells; what was cut ends in an ellipsis. */
export function clip(text: string, cells: number): string {
  if (widthOf(text) <= cells) return text;
  if (cells <= 0) return '';
  let taken = '';
  let width = 0;
  for (const character of text) {
    width += cellsOf(character);
    if (width > cells - 1) break;
    taken += character;
  }
  return `${taken}…`;
}

/** The text in exactly so many cells. */
export function exactly(text: string, cells: number): string {
  const clipped = clip(text, cells);
  return clipped + ' '.repeat(Math.max(0, cells - widthOf(clipped)));
}

/** Cells that a line takes. */
export function widthOfLine(line: Line): number {
  return line.reduce((sum, { text }) => sum + widthOf(text), 0);
}

/** The line in at most so many cells. */
export function clipLine(line: Line, cells: number): Line {
  const kept: Segment[] = [];
  let left = cells;
  for (const { text, tone } of line) {
    if (left <= 0) break;
    const clipped = clip(text, left);
    kept.push({ text: clipped, tone });
    left -= widthOf(clipped);
    if (clipped !== text) break;
  }
  return kept;
}

/** Two parts at the two ends of a line. Where both do not exactly, the left one gives way. */
export function spread(left: Line, right: Line, cells: number): Line {
  const ending = clipLine(right, cells);
  const room = cells - widthOfLine(ending);
  const beginning = clipLine(left, ending.length === 0 ? room : room - 1);
  return [...beginning, segment(' '.repeat(Math.max(0, room - widthOfLine(beginning)))), ...ending];
}

/** The line as it reads, without its looks. */
export function textOf(line: Line): string {
  return line.map(({ text }) => text).join('');
}
