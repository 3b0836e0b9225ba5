/** Answers text of any length in pieces, as fast as the client takes them: what is not taken is not made. */
import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';

/** An answer is sent as a whole up to this many characters, and in pieces beyond. */
const PIECE = 65_536;

/** Joins small pieces to larger ones. */
export async function* gather(pieces: AsyncIterable<string>): AsyncGenerator<string> {
  let gathered = '';
  for await (const piece of pieces) {
    gathered += piece;
    if (gathered.length < PIECE) continue;
    yield gathered;
    gathered = '';
  }
  if (gathered !== '') yield gathered;
}

/**
 * Answers gathered pieces. The first is waited for, so that a failure before it is still told by the status; after it the
 * connection is cut, so that nobody takes a part for the whole. A client that goes away ends `pieces`.
 */
export async function sendPieces(
  reply: FastifyReply,
  pieces: AsyncGenerator<string>,
  mediaType: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<FastifyReply> {
  const first = await pieces.next();
  const start = first.value ?? '';
  reply.header('cache-control', 'no-store').headers(headers).type(mediaType);
  if (start.length < PIECE) return reply.send(start);
  const all = async function* (): AsyncGenerator<string> {
    yield start;
    yield* pieces;
  };
  return reply.send(Readable.from(all(), { objectMode: false }));
}
