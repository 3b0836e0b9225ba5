/** Answers JSON that was written as text already. */
import type { FastifyReply } from 'fastify';

/** The media type of an answer. */
export const JSON_TYPE = 'application/json; charset=utf-8';

/** Answers a JSON text as a whole. */
export function json(reply: FastifyReply, text: string): FastifyReply {
  return reply.header('cache-control', 'no-store').type(JSON_TYPE).send(text);
}
