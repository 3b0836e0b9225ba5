/** What may be written into a stream's table over HTTP, derived from the stream's declaration: the same bounds as the table's. */
import * as z from 'zod';
import type { Column, StreamDeclaration } from '../../shared/streams.ts';
import { TIME_COLUMN } from '../../shared/streams.ts';
import type { NewRow } from '../db/writes.ts';
import { parseMoment, shown } from './validation.ts';

/** Rows of one request at most. */
export const MOST_ROWS = 1000;
/** PostgreSQL's timestamps that the feed delivers and ISO 8601 has four digits for: year 1 to 9999, epoch ms. */
const EARLIEST_MS = -62_135_596_800_000;
const LATEST_MS = 253_402_300_799_999;

/** Control characters, and halves of pairs, of which UTF-8 would make another text. */
const NO_TEXT = /[\p{Cc}\p{Cs}]/u;

const finiteOrNamed = z.union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity'])], {
  error: ({ input }) =>
    input === undefined
      ? 'missing; give a number'
      : `${shown(input)} is no number; give one, or "NaN", "Infinity" or "-Infinity"`,
});

const time = z.union([z.number(), z.string()]).transform((value, context): bigint => {
  const ms = typeof value === 'number' ? value : parseMoment(value);
  if (ms === null || !(ms >= EARLIEST_MS && ms <= LATEST_MS)) {
    context.addIssue({
      code: 'custom',
      message: `${shown(value)} is no moment; give epoch milliseconds or ISO 8601 (UTC where no zone is given), from year 1 to 9999`,
    });
    return z.NEVER;
  }
  return BigInt(Math.round(ms * 1000));
});

const document = z.unknown().transform((value, context): string => {
  try {
    return JSON.stringify(value);
  } catch (error) {
    // Too deep to be written; nothing else of what was parsed from JSON can fail.
    context.addIssue({
      code: 'custom',
      message: `cannot be written as JSON: ${error instanceof Error ? error.message : error}`,
    });
    return z.NEVER;
  }
});

/** Length of a `varchar(n)`; null where the type has none. */
function lengthOf({ sqlType }: Column): number | null {
  const length = /\((\d+)\)/.exec(sqlType)?.[1];
  return length === undefined ? null : Number(length);
}

/** The number of `default 3.0`; null where the declaration has none. */
function defaultOf({ sqlType }: Column): string | null {
  return /\bdefault (-?[\d.]+)/.exec(sqlType)?.[1] ?? null;
}

function textOf(column: Column): z.ZodType<string> {
  const most = lengthOf(column) ?? 200;
  return z
    .string({
      error: ({ input }) => (input === undefined ? 'missing; give a text' : `${shown(input)} is no text`),
    })
    .refine((text) => text.length > 0 && [...text].length <= most && !NO_TEXT.test(text), {
      error: ({ input }) =>
        `${shown(input)} is not accepted; give 1 to ${most} characters, none of them a control character or half a pair of surrogates`,
    })
    .meta({ minLength: 1, maxLength: most });
}

/** One column of a row as its cell for the database: text, or null. */
function cellOf(column: Column): z.ZodType<string | null> {
  const isRequired = column.required && column.name !== TIME_COLUMN.name;
  const usual = defaultOf(column);
  const present: z.ZodType<string> =
    column.kind === 'text' ? textOf(column) : finiteOrNamed.transform((value) => String(value));
  return isRequired
    ? present
    : present
        .nullable()
        .optional()
        .transform((value) => (value === undefined ? usual : value))
        .meta(usual === null ? {} : { default: Number(usual) });
}

/**
 * The schema of one row to be written into a stream: its key and series, its values, `timestamp` (epoch ms or ISO 8601;
 * absent: the moment of writing) and its documents. What the dashboard or the database gives (id, created_at) is refused.
 */
export function rowToWrite(stream: StreamDeclaration): z.ZodType<NewRow> {
  const columns = [stream.key, ...(stream.series === null ? [] : [stream.series]), ...stream.values];
  return z
    .strictObject(
      {
        [TIME_COLUMN.name]: time.optional(),
        ...Object.fromEntries(columns.map((column) => [column.name, cellOf(column)])),
        ...Object.fromEntries(stream.documents.map((name) => [name, document.nullable().optional()])),
      },
      {
        error: ({ code, input, keys }) => {
          if (code === 'unrecognized_keys' && Array.isArray(keys))
            return `${keys.map(shown).join(', ')} cannot be written; known are timestamp, ${[...columns.map(({ name }) => name), ...stream.documents].join(', ')}`;
          return `${shown(input)} is no row; give a JSON object`;
        },
      },
    )
    .transform((row): NewRow => {
      const { timestamp, ...cells } = row;
      return {
        micros: typeof timestamp === 'bigint' ? timestamp : null,
        cells: new Map(
          Object.entries(cells).map(([name, cell]) => [name, typeof cell === 'string' ? cell : null] as const),
        ),
      };
    });
}
