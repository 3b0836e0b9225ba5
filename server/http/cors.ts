/** Lets pages of other origins, where some are allowed, read answers and ask beforehand whether they may. */
import cors from '@fastify/cors';
import type { FastifyInstance } from 'fastify';
import { ANY_ORIGIN } from './origin.ts';

/** How long a browser may keep the answer to its question, in seconds. */
const KEPT_SECONDS = 600;

/**
 * Answers the questions of browsers about other origins (CORS). Cookies are meant for listed origins alone: where any page
 * may read, it comes with a token in its header or with none. Call it before anything refuses requests.
 */
export async function installCors(app: FastifyInstance, allowed: readonly string[]): Promise<void> {
  if (allowed.length === 0) return;
  const isOpen = allowed.includes(ANY_ORIGIN);
  const listed = new Set(allowed);
  await app.register(cors, {
    // A function, so that every answer varies with the origin and none leaves another's in a cache.
    origin: (origin, answer) => {
      if (origin === undefined) answer(null, false);
      else if (isOpen) answer(null, ANY_ORIGIN);
      else answer(null, listed.has(origin));
    },
    credentials: !isOpen,
    methods: ['GET', 'HEAD', 'POST'],
    allowedHeaders: ['authorization', 'content-type'],
    exposedHeaders: ['content-disposition', 'retry-after'],
    maxAge: KEPT_SECONDS,
  });
}
