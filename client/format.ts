/**
 * Numbers and times as the page writes them: real minus signs, grouped thousands, a unit with every figure and a zone
 * with every time. Pure; the locale of the browser plays no part, so that a screenshot reads the same everywhere.
 */
export type Zone = 'utc' | 'local';

/** What stands where there is no number. */
export const NOTHING = '–';
export const MINUS = '\u2212';
/** A space that does not break, between a figure and its unit. */
export const SPACE = '\u00a0';

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'] as const;

/** Whether a plus sign stands before positive numbers. */
export type Sign = 'plus' | 'plain';

/** Thousands apart. */
export function group(digits: string): string {
  return digits.replace(/\B(?=(\d{3})+$)/g, ',');
}

/** Gives the text of an absolute value its sign; what rounds to zero has none. */
export function signed(value: number, text: string, sign: Sign): string {
  const isZero = !/[1-9]/.test(text);
  if (isZero) return text;
  if (value < 0) return MINUS + text;
  return sign === 'plus' ? `+${text}` : text;
}

/** A number with a fixed count of decimals: `−1,234.50`. */
export function fixed(value: number, decimals: number, sign: Sign = 'plain'): string {
  if (Number.isNaN(value)) return NOTHING;
  if (!Number.isFinite(value)) return value < 0 ? `${MINUS}∞` : sign === 'plus' ? '+∞' : '∞';
  const [whole = '0', fraction] = Math.abs(value).toFixed(decimals).split('.');
  return signed(value, fraction === undefined ? group(whole) : `${group(whole)}.${fraction}`, sign);
}

/** Decimals that show `significant` digits of a value, between `least` and `most`. */
export function decimalsFor(value: number, significant: number, least = 0, most = 8): number {
  const magnitude = Math.abs(value);
  if (magnitude === 0 || !Number.isFinite(magnitude)) return least;
  return Math.min(most, Math.max(least, significant - 1 - Math.floor(Math.log10(magnitude))));
}

/** A number at three significant digits and all its whole ones, large ones with k, M or G: `40.9k`. */
export function compact(value: number, sign: Sign = 'plain'): string {
  const magnitude = Math.abs(value);
  if (!Number.isFinite(value)) return fixed(value, 0, sign);
  const [divisor, suffix] = scaleOf(magnitude);
  const scaled = value / divisor;
  const whole = Number.isInteger(value) && divisor === 1;
  return fixed(scaled, whole ? 0 : decimalsFor(scaled, 3, 0, 6), sign) + suffix;
}

function scaleOf(magnitude: number): readonly [number, string] {
  if (magnitude >= 1e9) return [1e9, 'G'];
  if (magnitude >= 1e6) return [1e6, 'M'];
  if (magnitude >= 1e4) return [1e3, 'k'];
  return [1, ''];
}

/** A fraction as percent with a fixed count of decimals: `0.000166` at four is `+0.0166%`. */
export function percent(fraction: number, decimals: number, sign: Sign = 'plain'): string {
  return Number.isFinite(fraction) ? `${fixed(fraction * 100, decimals, sign)}%` : fixed(fraction, 0, sign);
}

/** The unit's mark as it stands after a figure, empty where there is none. */
export function unitSuffix(unit: string | null): string {
  if (unit === null || unit === '' || unit === 'count') return '';
  if (unit === '%' || unit === 'percent') return '%';
  if (unit === 'sigma') return 'σ';
  return `${SPACE}${unit}`;
}

/** The currency that a symbol is quoted in: `USDT` of `BTC/USDT` and of `BTC/USDT:USDT`; `quote` where it names none. */
export function quoteOf(symbol: string): string {
  const quote = symbol.split('/')[1]?.split(':')[0];
  return quote === undefined || quote === '' ? 'quote' : quote;
}

/** How long ago, in the two greatest units: `4 s`, `12 m`, `1 h 30 m`, `2 d 3 h`. */
export function age(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds}${SPACE}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}${SPACE}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return join(hours, 'h', minutes % 60, 'm');
  return join(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

function join(major: number, majorUnit: string, minor: number, minorUnit: string): string {
  const head = `${major}${SPACE}${majorUnit}`;
  return minor === 0 ? head : `${head} ${minor}${SPACE}${minorUnit}`;
}

/** The parts of a time in a zone. */
export interface TimeParts {
  readonly year: number;
  readonly month: string;
  readonly day: number;
  readonly weekday: string;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly ms: number;
}

/** Minutes that a zone is ahead of UTC at a time (epoch ms). */
export function offsetMinutes(time: number, zone: Zone): number {
  return zone === 'utc' ? 0 : -new Date(time).getTimezoneOffset();
}

export function timeParts(time: number, zone: Zone): TimeParts {
  const date = new Date(time + offsetMinutes(time, zone) * 60_000);
  return {
    year: date.getUTCFullYear(),
    month: MONTHS[date.getUTCMonth()] ?? '',
    day: date.getUTCDate(),
    weekday: DAYS[date.getUTCDay()] ?? '',
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
    second: date.getUTCSeconds(),
    ms: date.getUTCMilliseconds(),
  };
}

const two = (value: number): string => value.toString().padStart(2, '0');

/** `UTC`, or the local zone as an offset: `UTC+2`, `UTC−3:30`. An offset needs no table and is never ambiguous. */
export function zoneLabel(time: number, zone: Zone): string {
  const minutes = offsetMinutes(time, zone);
  if (minutes === 0) return 'UTC';
  const size = Math.abs(minutes);
  const rest = size % 60;
  return `UTC${minutes < 0 ? MINUS : '+'}${Math.floor(size / 60)}${rest === 0 ? '' : `:${two(rest)}`}`;
}

/** `14:02:00`, without the zone: only where the zone stands beside it. */
export function clock(time: number, zone: Zone): string {
  const parts = timeParts(time, zone);
  return `${two(parts.hour)}:${two(parts.minute)}:${two(parts.second)}`;
}

/** `14:02:00 UTC`. */
export function clockWithZone(time: number, zone: Zone): string {
  return `${clock(time, zone)} ${zoneLabel(time, zone)}`;
}

/** `funding_rate` as a person writes it: `funding rate`. */
export function words(name: string): string {
  return name.replaceAll('_', ' ');
}
