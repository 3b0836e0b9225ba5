/** Parses what a request carries: every fault at once, each with the value and what is accepted. */
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

/** A whole number in the text of a parameter; `usual` where it is absent. */
export function wholeNumber({ least, most, usual }: { least: number; most: number; usual: number }) {
  return z
    .unknown()
    .optional()
    .transform((value, context): number => {
      if (value === undefined) return usual;
      if (typeof value === 'string' && /^\d{1,15}$/.test(value)) {
        const number = Number(value);
        if (number >= least && number <= most) return number;
      }
      return refuse(context, value, `a whole number from ${least} to ${most}, once`);
    });
}

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
    });
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
    });
}

function refuse(context: z.RefinementCtx, value: unknown, accepted: string): never {
  const message =
    value === undefined ? `missing; give ${accepted}` : `${shown(value)} is not accepted; give ${accepted}`;
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
}
