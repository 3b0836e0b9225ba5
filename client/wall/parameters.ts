/** What a wall's address asks for. What of it is wrong is left out and said; the rest holds. Pure. */
import { RANGES, type RangeName } from '../model.ts';
import { THEMES, type ThemeName, ZONES, type ZoneName } from '../view.ts';

/** The name of the turn that shows every symbol at once. */
export const OVERVIEW = 'overview';

/** So many turns a wall goes through at most: it follows the rows of all of them at once. */
export const MOST_TURNS = 40;

const ROTATE_USUAL_S = 30;
const ROTATE_LEAST_S = 5;
const ROTATE_MOST_S = 3600;

/** Parameters that mean something here; `symbol` is what the desk calls a list of one, `token` has been taken by the server. */
const KNOWN: ReadonlySet<string> = new Set([
  'symbols',
  'symbol',
  'rotate',
  'range',
  'zone',
  'theme',
  'overview',
  'token',
]);

/** What a wall shows. */
export interface WallParameters {
  /** Symbols in the order of their turns, among them perhaps OVERVIEW; null: whatever the list of symbols begins with. */
  readonly turns: readonly string[] | null;
  /** Whether the overview has a turn where `turns` is null. */
  readonly overview: boolean;
  /** How long a turn lasts, in ms; 0: the first one stays. */
  readonly rotateMs: number;
  readonly range: RangeName;
  readonly zone: ZoneName;
  readonly theme: ThemeName;
  /** What cannot be done as asked, and what is done in its place; each a short clause. */
  readonly complaints: readonly string[];
}

/** Reads a query string, with or without its question mark. */
export function parseWall(query: string): WallParameters {
  const parameters = new URLSearchParams(query);
  const complaints: string[] = [];
  const choice = <const T extends string>(name: string, all: readonly T[], usual: T): T => {
    const text = parameters.get(name)?.trim() ?? '';
    const found = all.find((one) => one === text.toLowerCase());
    if (found === undefined && text !== '')
      complaints.push(`${name}=${short(text)} is none of ${all.join(', ')}; ${usual} is shown`);
    return found ?? usual;
  };
  const seconds = rotateOf(parameters.get('rotate'), complaints);
  const overview = flagOf(parameters.get('overview'), complaints);
  const turns = turnsOf([...parameters.getAll('symbols'), ...parameters.getAll('symbol')], overview, complaints);
  const made = {
    turns,
    overview,
    rotateMs: seconds * 1000,
    range: choice('range', RANGES, '24h'),
    zone: choice('zone', ZONES, 'utc'),
    theme: choice('theme', THEMES, 'dark'),
  };
  const strangers = [...new Set(parameters.keys())].filter((name) => !KNOWN.has(name));
  if (strangers.length > 0) complaints.push(`a wall knows no parameter ${strangers.map(short).join(', ')}`);
  return { ...made, complaints };
}

function rotateOf(asked: string | null, complaints: string[]): number {
  const text = asked?.trim() ?? '';
  if (text === '') return ROTATE_USUAL_S;
  const seconds = /^\d{1,9}(\.\d+)?s?$/.test(text) ? Number.parseFloat(text) : Number.NaN;
  if (seconds === 0) return 0;
  if (seconds >= ROTATE_LEAST_S && seconds <= ROTATE_MOST_S) return seconds;
  // A number that is only too small or too great tells what is wanted.
  const used = seconds < ROTATE_LEAST_S ? ROTATE_LEAST_S : seconds > ROTATE_MOST_S ? ROTATE_MOST_S : ROTATE_USUAL_S;
  complaints.push(
    `rotate=${short(text)} is not 0 or ${ROTATE_LEAST_S} to ${ROTATE_MOST_S} seconds; a turn lasts ${used} s`,
  );
  return used;
}

function flagOf(asked: string | null, complaints: string[]): boolean {
  const text = asked?.trim().toLowerCase() ?? '';
  if (['1', 'true', 'yes', 'on'].includes(text)) return true;
  if (!['', '0', 'false', 'no', 'off'].includes(text))
    complaints.push(`overview=${short(text)} is not 0 or 1; it is left out`);
  return false;
}

function turnsOf(lists: readonly string[], overview: boolean, complaints: string[]): readonly string[] | null {
  const asked = lists.flatMap((list) => list.split(',')).map((name) => name.trim());
  const names = new Set(asked.filter((name) => name !== ''));
  if (names.size === 0) {
    if (lists.length > 0) complaints.push('symbols names none; the first of the list are shown');
    return null;
  }
  if (overview && !names.has(OVERVIEW)) return limited([OVERVIEW, ...names], complaints);
  return limited([...names], complaints);
}

function limited(names: readonly string[], complaints: string[]): readonly string[] {
  if (names.length > MOST_TURNS)
    complaints.push(`${names.length} symbols are more than a wall shows; the first ${MOST_TURNS} are`);
  return names.slice(0, MOST_TURNS);
}

/** A text of the address as it is repeated to the viewer. */
function short(text: string): string {
  return text.length > 24 ? `${text.slice(0, 23)}…` : text;
}

/** Turns where none were asked for: the first of the list, and the overview before them where it is wanted. */
const USUAL_TURNS = 6;

/** The turns of a wall, as far as is known. */
export interface Turns {
  readonly turns: readonly string[];
  /** Asked for, and not in the list of symbols. */
  readonly unknown: readonly string[];
}

/**
 * Holds what was asked for against the list of symbols, which is empty while nobody knows it. A symbol that is not in it
 * has no turn, but where nothing else would be left; one that differs in upper and lower case alone is meant.
 *
 * @param favourites what the visitor marked on this browser, in order.
 */
export function turnsFor(
  { turns, overview }: Pick<WallParameters, 'turns' | 'overview'>,
  symbols: readonly string[],
  favourites: readonly string[] = [],
): Turns {
  if (turns === null) {
    const known = favourites.filter((name) => symbols.length === 0 || symbols.includes(name));
    const first = known.length > 0 ? known : symbols.slice(0, USUAL_TURNS);
    return { turns: [...(overview ? [OVERVIEW] : []), ...first].slice(0, MOST_TURNS), unknown: [] };
  }
  if (symbols.length === 0) return { turns, unknown: [] };
  const listed = new Set(symbols);
  const byLower = new Map(symbols.map((name) => [name.toLowerCase(), name]));
  const found = turns.map((name) =>
    name === OVERVIEW || listed.has(name) ? name : (byLower.get(name.toLowerCase()) ?? null),
  );
  const unknown = turns.filter((_, index) => found[index] === null);
  const known = [...new Set(found.flatMap((name) => name ?? []))];
  return { turns: known.some((name) => name !== OVERVIEW) || overview ? known : turns, unknown };
}
