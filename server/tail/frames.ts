/** The frames of the feed as `tail` reads them: parsed where they steer it, and as text where they are passed on. */
import * as z from 'zod';
import { type Frame, type ServerFrame, serverFrame } from '../../shared/protocol.ts';
import { elementTexts, memberTexts } from './json-text.ts';

/** A delta with its rows as the server wrote them. */
export interface RowFrame {
  readonly type: 'delta';
  readonly stream: string;
  readonly key: string;
  readonly prev: string;
  readonly cursor: string;
  /** Server clock at send, epoch ms. */
  readonly time: number;
  /** The JSON text of each row, digit for digit. */
  readonly rows: readonly string[];
}

export type TailFrame = RowFrame | Exclude<ServerFrame, Frame<'delta'>>;

/** What a text turned out to be: a frame, one of a newer server that may be passed over, or nothing that can be relied on. */
export type Parsed =
  | { readonly kind: 'frame'; readonly frame: TailFrame }
  | { readonly kind: 'unknown'; readonly type: string }
  | { readonly kind: 'malformed'; readonly problem: string };

const typed = z.object({ type: z.string() });

/**
 * The cells of rows are not looked at: they are passed on, not computed with, so that a value that this version has no
 * schema for (or that no JavaScript number holds) does not stop a recorder.
 */
const delta = z.object({
  type: z.literal('delta'),
  stream: z.string(),
  key: z.string(),
  prev: z.string(),
  cursor: z.string(),
  time: z.number(),
  rows: z.array(z.record(z.string(), z.unknown())),
});

/** Parses one text frame of the server. Never throws. */
export function parseFrame(text: string): Parsed {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { kind: 'malformed', problem: `${text.length} characters that are not JSON` };
  }
  const head = typed.safeParse(value);
  if (!head.success) return { kind: 'malformed', problem: 'a frame without a type' };
  const { type } = head.data;
  if (type === 'delta') {
    const parsed = delta.safeParse(value);
    if (!parsed.success) return malformed(type, parsed.error);
    return { kind: 'frame', frame: { ...parsed.data, rows: elementTexts(memberTexts(text).get('rows') ?? '[]') } };
  }
  const parsed = serverFrame.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const isNew = issue?.code === 'invalid_union' && issue.path[0] === 'type';
    return isNew ? { kind: 'unknown', type } : malformed(type, parsed.error);
  }
  // Deltas were dealt with above; this says so to the compiler.
  if (parsed.data.type === 'delta') return { kind: 'malformed', problem: 'a delta within a delta' };
  return { kind: 'frame', frame: parsed.data };
}

function malformed(type: string, error: z.core.$ZodError): Parsed {
  const [issue] = error.issues;
  return {
    kind: 'malformed',
    problem: `a ${type} frame whose ${issue?.path.map(String).join('.') || 'content'} is wrong: ${issue?.message}`,
  };
}

/**
 * A row as it is printed: one line, its own columns flat, behind the stream and the key that it came by.
 *
 * @param row the row's JSON object as the server wrote it.
 */
export function rowLine(head: string, row: string): string {
  const open = row.indexOf('{');
  const body = row.slice(open + 1);
  const line = `${head}${body.trimStart().startsWith('}') ? '' : ','}${body}`;
  // Raw line ends can only stand between the tokens of a document; within a string JSON has them escaped.
  return /[\r\n]/.test(line) ? line.replace(/[\r\n]+/g, ' ') : line;
}

/** What every line of a channel begins with. */
export function lineHead(stream: string, key: string): string {
  return `{"stream":${JSON.stringify(stream)},"key":${JSON.stringify(key)}`;
}

/** What tells a row apart from every other of its stream. The time belongs to it: where a table is partitioned, ids alone need not be unique. */
export function rowIdentity(row: string): string {
  const members = memberTexts(row);
  return `${members.get('id')}@${members.get('timestamp')}`;
}
