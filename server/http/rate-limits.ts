/**
 * How many requests a minute an address and a token may send to the interface, counted apart for reading and for writing,
 * and how many wrong tokens an address may show. Whether the server lives is told to everybody, always.
 */
import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { RequestBudgets } from '../config.ts';
import { type Access, type Holder, splitUrl } from './auth.ts';
import { Problem } from './problem.ts';

const MINUTE_MS = 60_000;
/** Addresses and tokens that are counted at once; of more, those that were quiet longest are forgotten. */
const COUNTED_AT_ONCE = 20_000;
/** Orchestrators restart what does not answer here. */
const PROBES: ReadonlySet<string> = new Set(['/api/health/live', '/api/health/ready']);

/** What is said of a secret: whose it is, that it is wrong, or that its address has to wait so many seconds first. */
export type Verdict =
  | { readonly kind: 'holder'; readonly holder: Holder }
  | { readonly kind: 'wrong' }
  | { readonly kind: 'wait'; readonly seconds: number };

/** Judges secrets. An address that showed too many wrong ones is not told about further ones for a while. */
export interface Guard {
  judge(request: FastifyRequest, secret: string): Promise<Verdict>;
}

type Limiter = ReturnType<FastifyInstance['createRateLimit']>;

/**
 * Installs the limits of an app and returns the guard of its secrets. Call it before the routes are registered.
 *
 * An answer of 429 says in `Retry-After` in how many seconds to come back.
 */
export async function installRateLimits(
  app: FastifyInstance,
  access: Pick<Access, 'required' | 'holderOf' | 'holderOfSecret'>,
  budgets: RequestBudgets,
): Promise<Guard> {
  await app.register(rateLimit, { global: false });
  const common = { timeWindow: MINUTE_MS, cache: COUNTED_AT_ONCE };
  const byAddress = (max: number): Limiter | null => (max === 0 ? null : app.createRateLimit({ ...common, max }));
  const byToken = (max: number): Limiter | null =>
    max === 0 ? null : app.createRateLimit({ ...common, max, keyGenerator: (request) => tokenKey(access, request) });
  const reading = { address: byAddress(budgets.readsPerAddress), token: byToken(budgets.readsPerToken) };
  const writing = { address: byAddress(budgets.writesPerAddress), token: byToken(budgets.writesPerToken) };

  app.addHook('onRequest', async (request) => {
    const { path } = splitUrl(request.url);
    if (!(path.startsWith('/api/') || path === '/metrics') || PROBES.has(path)) return;
    const isRead = request.method === 'GET' || request.method === 'HEAD' || request.method === 'OPTIONS';
    const { address, token } = isRead ? reading : writing;
    const what = isRead ? 'READS' : 'WRITES';
    await count(address, request, `requests came from this address; DASHBOARD_MAX_${what}_PER_ADDRESS sets how many`);
    if (token !== null && access.holderOf(request) !== null)
      await count(token, request, `requests came with this token; DASHBOARD_MAX_${what}_PER_TOKEN sets how many`);
  });
  // Where no token is needed none is wrong.
  return guardOf(access, access.required ? byAddress(budgets.failedSignIns) : null);
}

/** A name has no colon. */
function tokenKey(access: Pick<Access, 'holderOf'>, request: FastifyRequest): string {
  const holder = access.holderOf(request);
  return holder === null ? '' : `${holder.kind}:${holder.name}`;
}

async function count(limiter: Limiter | null, request: FastifyRequest, what: string): Promise<void> {
  const state = await limiter?.(request);
  if (state === undefined || state.isAllowed || !state.isExceeded) return;
  throw tooMany(`within a minute more than ${state.max} ${what}`, state.ttlInSeconds);
}

/** The answer to who asked too often. */
export function tooMany(reason: string, seconds: number): Problem {
  return new Problem(429, `${reason}; come back in ${seconds} s`, { headers: { 'retry-after': String(seconds) } });
}

function guardOf(access: Pick<Access, 'holderOfSecret'>, failures: Limiter | null): Guard {
  // Who has shown a token here before is not held up by a neighbour behind the same address who guesses.
  const known = new Set<string>();
  const remember = (key: string): void => {
    known.delete(key);
    known.add(key);
    const [oldest] = known;
    if (known.size > COUNTED_AT_ONCE && oldest !== undefined) known.delete(oldest);
  };
  return {
    judge: async (request, secret) => {
      const holder = access.holderOfSecret(secret);
      if (holder === null) {
        // Counted before it is judged, so that many at once are no more than one after the other.
        const state = await failures?.(request);
        const isTooMany = state !== undefined && !state.isAllowed && state.isExceeded;
        return isTooMany ? { kind: 'wait', seconds: state.ttlInSeconds } : { kind: 'wrong' };
      }
      const key = `${request.ip} ${holder.kind}:${holder.name}`;
      if (failures !== null && !known.has(key)) {
        const state = await failures(request, { increment: false });
        if (!state.isAllowed && state.remaining === 0) return { kind: 'wait', seconds: state.ttlInSeconds };
      }
      remember(key);
      return { kind: 'holder', holder };
    },
  };
}
