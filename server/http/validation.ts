/**
 * Parses what a request carries: every fault at once, each with the value and what is accepted. Each kind of parameter says
 * as JSON Schema, too, what it accepts: the interface's document is made from the schemas that parse.
 */
import * as z from 'zod';
import { badRequest } from './problem.ts';

/** Longest key that is looked up; the tables of the field hold up to 100 characters. */
const LONGEST_KEY = 200;
/** How much of a refused value a message repeats. */
const SHOWN = 80;

/** A value as a message shows it. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}...` : text;
}

/**
 * Parses with a schema.
 *
 * @throws Problem 400 with all faults of the input.
 */
export function parseInput<T extends z.ZodType>(schema: T, input: unknown): z.output<T> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  throw badRequest(
    result.error.issues.map(({ path, message }) => ({ path: path.map(String).join('.') || 'query', message })),
  );
}

/**
 * As `parseInput`, and refuses parameters that the schema does not know: a filter with a misspelt name would answer rows
 * that nobody asked for.
 *
 * @throws Problem 400 with all faults of the input.
 */
export function parseKnown<T extends z.ZodObject>(schema: T, input: Readonly<Record<string, unknown>>): z.output<T> {
  const known = Object.keys(schema.shape);
  const unknown = Object.keys(input).filter((name) => !known.includes(name));
  const result = schema.safeParse(input);
  if (result.success && unknown.length === 0) return result.data;
  throw badRequest([
    ...unknown.map((name) => ({
      path: name.slice(0, SHOWN),
      message: `no parameter of this address; there are ${known.join(', ')}`,
    })),
    ...(result.error?.issues ?? []).map(({ path, message }) => ({ path: path.map(String).join('.'), message })),
  ]);
}

/** A whole number in the text of a parameter; `usual` where it is absent. */
export function wholeNumber<const U extends number | undefined>({
  least,
  most,
  usual,
}: {
  least: number;
  most: number;
  usual: U;
}) {
  return z
    .unknown()
    .optional()
    .transform((value, context): number | U => {
      if (value === undefined) return usual;
      if (typeof value === 'string' && /^\d{1,15}$/.test(value)) {
        const number = Number(value);
        if (number >= least && number <= most) return number;
      }
      return refuse(context, value, `a whole number from ${least} to ${most}, once`);
    })
    .meta({ type: 'integer', minimum: least, maximum: most, ...(usual === undefined ? {} : { default: usual }) });
}

/** A number of at least nothing, with or without a fraction; null where it is absent. */
export function leastNumber() {
  return z
    .unknown()
    .optional()
    .transform((value, context): number | null => {
      if (value === undefined) return null;
      if (typeof value === 'string' && /^\d{1,15}(\.\d{1,15})?$/.test(value)) return Number(value);
      return refuse(context, value, 'a number of 0 or more, such as 3 or 3.5, once');
    })
    .meta({ type: 'number', minimum: 0 });
}

const KEY_SCHEMA = { type: 'string', minLength: 1, maxLength: LONGEST_KEY } as const;

/** A symbol or another key, as the database holds it. */
function isKey(value: unknown): value is string {
  // PostgreSQL has no text with NUL in it, and no key of the field has any control character.
  return typeof value === 'string' && value.length > 0 && value.length <= LONGEST_KEY && !/\p{Cc}/u.test(value);
}

/** One key; `usual` where it is absent. */
export function key(what: string, usual?: string) {
  return z
    .unknown()
    .optional()
    .transform((value, context): string => {
      const given = value === undefined ? usual : value;
      return isKey(given) ? given : refuse(context, given, `${what}, once, of 1 to ${LONGEST_KEY} characters`);
    })
    .meta({ ...KEY_SCHEMA, ...(usual === undefined ? {} : { default: usual }) });
}

/** One key; null where it is absent. */
export function optionalKey(what: string) {
  return z
    .unknown()
    .optional()
    .transform((value, context): string | null => {
      if (value === undefined || isKey(value)) return value ?? null;
      return refuse(context, value, `${what}, once, of 1 to ${LONGEST_KEY} characters`);
    })
    .meta(KEY_SCHEMA);
}

/** One of some words; the first of them where it is absent. */
export function oneOf<const T extends string>(words: readonly [T, ...T[]]) {
  return z
    .unknown()
    .optional()
    .transform((value, context): T => {
      const given = value === undefined ? words[0] : words.find((word) => word === value);
      return given ?? refuse(context, value, `${words.join(' or ')}, once`);
    })
    .meta({ type: 'string', enum: [...words], default: words[0] });
}

const MOMENT_HELP =
  'epoch milliseconds (1768480220123.456) or ISO 8601 (2026-01-15T12:30:20.123456Z; UTC where no zone is given), once';
/** From year 1 to 9999, which ISO 8601 has four digits for. */
const EARLIEST_MS = -62_135_596_800_000;
const LATEST_MS = 253_402_300_799_999;

/** A moment as epoch ms, microseconds as a fraction; null where it is absent. */
export function moment() {
  return z
    .unknown()
    .optional()
    .transform((value, context): number | null => {
      if (value === undefined) return null;
      const ms = typeof value === 'string' ? parseMoment(value) : null;
      return ms !== null && ms >= EARLIEST_MS && ms <= LATEST_MS ? ms : refuse(context, value, MOMENT_HELP);
    })
    .meta({ type: ['number', 'string'] });
}

/** Epoch ms of a moment in text; null where it is none. */
export function parseMoment(text: string): number | null {
  if (/^-?\d{1,15}(\.\d{1,6})?$/.test(text)) return Number(text);
  // In an address a plus sign that was not encoded arrives as a space.
  const match = /^(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?([Zz]|[-+ ]\d\d:?\d\d)?)?$/.exec(
    text,
  );
  if (match === null) return null;
  const [, day = '', minute = '00:00', second = '00', fraction = '', zone = 'Z'] = match;
  const offset = zone.toUpperCase() === 'Z' ? 'Z' : zone.replace(' ', '+').replace(/^(...):?(..)$/, '$1:$2');
  const ms = Date.parse(`${day}T${minute}:${second}${offset}`);
  // 31 February would be read as a day in March.
  if (Number.isNaN(ms) || !isCalendarDay(day)) return null;
  return ms + Number(`0.${fraction}0`) * 1000;
}

function isCalendarDay(day: string): boolean {
  const parsed = new Date(`${day}T00:00:00Z`);
  return !Number.isNaN(parsed.getTime()) && parsed.toISOString().startsWith(day);
}

/** A parameter that may be repeated, a key each time; null where it is absent. */
export function keys(what: string, most: number) {
  return z
    .unknown()
    .optional()
    .transform((value, context): readonly string[] | null => {
      if (value === undefined) return null;
      const given: unknown[] = Array.isArray(value) ? value : [value];
      if (given.length > most) {
        context.addIssue({ code: 'custom', message: `${given.length} values are too many; give at most ${most}` });
        return z.NEVER;
      }
      const names: string[] = [];
      for (const name of given) {
        if (isKey(name)) names.push(name);
        else
          refuse(context, name, `${what} of 1 to ${LONGEST_KEY} characters, as often as you like up to ${most} times`);
      }
      return names;
    })
    .meta({ type: 'array', items: KEY_SCHEMA, maxItems: most });
}

function refuse(context: z.RefinementCtx, value: unknown, accepted: string): never {
  const message =
    value === undefined ? `missing; give ${accepted}` : `${shown(value)} is not accepted; give ${accepted}`;
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
}
