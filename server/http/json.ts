/** Answers JSON that was written as text already: whole, or in pieces where it is large. */
import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';

/** An answer is sent as a whole up to this many characters, and in pieces beyond. */
const PIECE = 65_536;

/** Answers a JSON text as a whole. */
export function json(reply: FastifyReply, text: string): FastifyReply {
  return reply.header('cache-control', 'no-store').type('application/json; charset=utf-8').send(text);
}

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

/** Answers pieces of JSON. The first is waited for, so that a failure before it is still told by the status. */
export async function sendPieces(reply: FastifyReply, pieces: AsyncGenerator<string>): Promise<FastifyReply> {
  const first = await pieces.next();
  const start = first.value ?? '';
  if (start.length < PIECE) return json(reply, start);
  const all = async function* (): AsyncGenerator<string> {
    yield start;
    yield* pieces;
  };
  return reply
    .header('cache-control', 'no-store')
    .type('application/json; charset=utf-8')
    .send(Readable.from(all(), { objectMode: false }));
}
