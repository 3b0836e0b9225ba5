/** Where a page reports what went wrong in it: counted, and written to the log without anything secret. */
import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import * as z from 'zod';
import { SCREEN_PAGES } from '../../shared/requests.ts';
import type { Counters } from '../counted.ts';
import { Problem } from './problem.ts';
import { parseInput, shown } from './validation.ts';

/** What the route needs. */
export interface ClientErrorDeps {
  readonly counters: Counters;
  /** Whether a page of this origin may report. */
  readonly originAllowed: (origin: string, request: FastifyRequest) => boolean;
  /** Epoch ms. */
  readonly now: () => number;
}

/** Bytes of a report at most. */
const BODY_BYTES = 8192;
/** Reports a minute: of one address, and of all. A page that fails at every frame must not fill the log. */
const MOST_OF_ADDRESS = 20;
const MOST_OF_ALL = 200;
const MINUTE_MS = 60_000;

/** What a page reports of an error. */
export const clientError = z.strictObject({
  page: z.enum(SCREEN_PAGES).describe('The page that it happened on.'),
  kind: z.enum(['error', 'rejection']).describe('An exception, or a promise that nobody caught.'),
  message: z.string().max(500).describe('What it says.'),
  stack: z.string().max(4000).nullable().describe('Where it came from; null where that is not known.'),
  build: z.string().max(64).nullable().describe('The build of the page.'),
  count: z.int().min(1).max(1_000_000).describe('How often it happened since it was last reported.'),
});

/** Leaves out what addresses in a text carry behind their path, which may be a token. */
function withoutQueries(text: string): string {
  return text.replaceAll(/(\bhttps?:\/\/[^\s?#)]*)[?#][^\s):]*/g, '$1').replaceAll(/\btoken=[^\s&)]*/g, 'token=***');
}

/** Counts reports within a minute. */
class Minute {
  readonly #now: () => number;
  #begun = Number.NEGATIVE_INFINITY;
  #all = 0;
  readonly #addresses = new Map<string, number>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Notes a report; false where there were too many. */
  take(address: string): boolean {
    const now = this.#now();
    if (now - this.#begun >= MINUTE_MS || now < this.#begun) {
      this.#begun = now;
      this.#all = 0;
      this.#addresses.clear();
    }
    const own = (this.#addresses.get(address) ?? 0) + 1;
    if (own > MOST_OF_ADDRESS || this.#all >= MOST_OF_ALL) return false;
    this.#all += 1;
    this.#addresses.set(address, own);
    return true;
  }
}

/** Registers the route. It is open to who may read. */
export const clientErrorRoutes: FastifyPluginAsync<ClientErrorDeps> = async (app, { counters, originAllowed, now }) => {
  const minute = new Minute(now);
  app.post('/api/client-errors', { bodyLimit: BODY_BYTES }, async (request, reply) => {
    const { origin } = request.headers;
    if (origin !== undefined && !originAllowed(origin, request))
      throw new Problem(
        403,
        `pages of ${shown(origin)} may not report here; DASHBOARD_ALLOWED_ORIGINS lists those that may`,
      );
    const { page, kind, message, stack, build, count } = parseInput(clientError, request.body);
    if (!minute.take(request.ip))
      throw new Problem(429, `more than ${MOST_OF_ADDRESS} reports a minute; the page goes on without them`, {
        headers: { 'retry-after': '60' },
      });
    counters.add('client_errors_total', count, { page, kind });
    request.log.warn(
      {
        page,
        kind,
        build,
        count,
        address: request.ip,
        error: withoutQueries(message),
        stack: stack === null ? null : withoutQueries(stack),
      },
      'a page reported an error',
    );
    return reply.code(204).header('cache-control', 'no-store').send();
  });
};
