/** Kinds of values that an environment variable or a flag can hold: how its text is parsed, and how that is explained. */
import { isIP } from 'node:net';
import * as z from 'zod';
import { hasUniqueNames, type Token, token } from './tokens.ts';

/** A kind of value: `accepted` completes the sentence "accepted is ...". */
export interface Kind<T> {
  readonly accepted: string;
  readonly schema: z.ZodType<T, string>;
}

/** A whole number between two bounds, both included. */
export function whole(least: number, most: number): Kind<number> {
  return {
    accepted: `a whole number from ${least} to ${most}`,
    schema: z
      .string()
      .regex(/^\d{1,15}$/)
      .transform(Number)
      .pipe(z.number().min(least).max(most)),
  };
}

/** A positive number with or without a fraction, both bounds included. */
export function decimal(least: number, most: number): Kind<number> {
  return {
    accepted: `a number from ${least} to ${most}`,
    schema: z
      .string()
      .regex(/^\d{1,12}(\.\d{1,6})?$/)
      .transform(Number)
      .pipe(z.number().min(least).max(most)),
  };
}

/** A span that is written in seconds and handed on in ms. */
export function seconds(least: number, most: number): Kind<number> {
  const { schema } = decimal(least, most);
  return {
    accepted: `a number of seconds from ${least} to ${most}`,
    schema: schema.transform((value) => Math.round(value * 1000)),
  };
}

const TRUE_WORDS: ReadonlySet<string> = new Set(['true', '1', 'yes', 'on']);
const FALSE_WORDS: ReadonlySet<string> = new Set(['false', '0', 'no', 'off']);

/** Yes or no, in the spellings that shells and compose files use. */
export const bool: Kind<boolean> = {
  accepted: 'true or false (also 1, 0, yes, no, on, off)',
  schema: z
    .string()
    .toLowerCase()
    .refine((word) => TRUE_WORDS.has(word) || FALSE_WORDS.has(word))
    .transform((word) => TRUE_WORDS.has(word)),
};

/** Any text that is not empty. */
export const text = (accepted: string): Kind<string> => ({ accepted, schema: z.string().min(1) });

/** One of a few words. */
export function oneOf<const T extends readonly [string, ...string[]]>(words: T): Kind<T[number]> {
  return { accepted: `one of ${words.join(', ')}`, schema: z.enum(words) };
}

/** An address to listen at: an IP address or a host name, without port or scheme. */
export const hostName: Kind<string> = {
  accepted: 'an IP address or a host name, without scheme and port (for instance 127.0.0.1, ::1, 0.0.0.0, localhost)',
  schema: z
    .string()
    .refine(
      (host) =>
        isIP(host) !== 0 || /^(?=.{1,253}$)[a-z\d]([a-z\d-]*[a-z\d])?(\.[a-z\d]([a-z\d-]*[a-z\d])?)*$/i.test(host),
    )
    // A dotted number that is no address (`256.1.1.1`) is a slip, never a host's name.
    .refine((host) => isIP(host) !== 0 || !/^[\d.]+$/.test(host)),
};

/** Where a database server is. Underscores are no part of host names, but of those that compose files make. */
export const databaseHost: Kind<string> = {
  accepted: 'a host name, an IP address or the folder of a Unix socket, without scheme and port',
  schema: z.string().refine((host) => host.startsWith('/') || isIP(host) !== 0 || /^[\w-]+(\.[\w-]+)*\.?$/.test(host)),
};

/** Origins that a browser may come from, `*` for any. */
export const origins: Kind<readonly string[]> = {
  accepted: 'origins separated by commas (for instance https://desk.example.com), or *',
  schema: z
    .string()
    .transform(splitList)
    .pipe(z.array(z.string().refine((entry) => entry === '*' || isOrigin(entry))).min(1)),
};

function isOrigin(entry: string): boolean {
  if (!URL.canParse(entry)) return false;
  const { origin, protocol } = new URL(entry);
  return (protocol === 'http:' || protocol === 'https:') && origin === entry.toLowerCase();
}

/** Which proxies are believed about a client's address: none, all, or the ones listed. */
export const proxies: Kind<boolean | readonly string[]> = {
  accepted: "true, false, or the proxies' IP addresses and networks separated by commas (for instance 10.0.0.0/8,::1)",
  schema: z
    .string()
    .transform((value): boolean | readonly string[] => {
      const word = value.toLowerCase();
      if (TRUE_WORDS.has(word)) return true;
      return FALSE_WORDS.has(word) ? false : splitList(value);
    })
    .refine((value) => typeof value === 'boolean' || (value.length > 0 && value.every(isNetwork))),
};

function isNetwork(entry: string): boolean {
  const [address, width, ...rest] = entry.split('/');
  const version = isIP(address ?? '');
  if (version === 0 || rest.length > 0) return false;
  return width === undefined || (/^\d{1,3}$/.test(width) && Number(width) <= (version === 4 ? 32 : 128));
}

/** Tokens as `name:secret,...` or `name:sha256:HEX,...`. */
export const tokens: Kind<readonly Token[]> = {
  accepted:
    'name:secret or name:sha256:HEX (see the command token), separated by commas, every name once, without spaces',
  schema: z.string().transform(splitList).pipe(z.array(token).min(1).refine(hasUniqueNames)),
};

function splitList(value: string): string[] {
  return value
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
}
