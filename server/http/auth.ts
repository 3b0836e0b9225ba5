/**
 * Who may read and who may write: tokens in the Authorization header, in the link to a page or to the feed, or in the
 * signed cookie that such a link sets. Secrets are compared in constant time and appear in no message.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { AccessConfig, Token } from '../config.ts';
import { Problem } from './problem.ts';

/** What of a request decides. */
export type Asking = Pick<FastifyRequest, 'headers' | 'url'>;

/** The decision about requests. */
export interface Access {
  /** Whether a token is needed at all. */
  readonly required: boolean;
  /** Whether the request may read. Of the feed also by `?token=`. */
  checkAccess(request: Asking): 'ok' | 'unauthorized';
  /** The same for writing. */
  checkWrite(request: Asking): 'ok' | 'unauthorized';
  /** The cookie for the token of a link; null where that is none. */
  signIn(secret: string): SessionCookie | null;
  /** A new cookie for a screen that has used its own for a while; null where there is nothing to renew. */
  renew(request: Asking): SessionCookie | null;
}

/** A cookie that signs a browser in. */
export interface SessionCookie {
  readonly value: string;
  /** For how long, in seconds. */
  readonly seconds: number;
}

/** Name of the cookie that a link with a token sets. */
export const SESSION_COOKIE = 'alphapulse_session';
/** How long the cookie holds, in seconds; it ends before that where its token does. */
const SESSION_SECONDS = 30 * 24 * 3600;
/** The same for a screen on a wall, where nobody could sign in again: as long as browsers keep a cookie at all. */
const DISPLAY_SECONDS = 400 * 24 * 3600;
/** A screen's cookie is renewed where it has been used for so long. */
const RENEWED_AFTER_SECONDS = 24 * 3600;
const FEED_PATH = '/feed';
const WALL_PATH = '/wall';
const ASK_AGAIN_SECONDS = 60;
/** Open to everybody, for orchestrators. `/api/health` tells strangers the status alone. */
const OPEN_PATHS = new Set(['/api/health', '/api/health/live', '/api/health/ready']);

interface Holder {
  readonly token: Token;
  readonly digest: Buffer;
  readonly kind: 'view' | 'write' | 'display';
}

const holderFor = (kind: Holder['kind'], token: Token): Holder => ({ kind, token, digest: digestOf(token.secret) });

const digestOf = (secret: string): Buffer => createHash('sha256').update(secret).digest();

/** Makes the decision from the configuration. @param now epoch ms. */
export function createAccess(config: AccessConfig, now: () => number = Date.now): Access {
  if (config.kind === 'open') {
    return { required: false, checkAccess: () => 'ok', checkWrite: () => 'ok', signIn: () => null, renew: () => null };
  }
  const holders: readonly Holder[] = [
    ...config.viewTokens.map((token) => holderFor('view', token)),
    ...(config.displayTokens ?? []).map((token) => holderFor('display', token)),
    ...config.writeTokens.map((token) => holderFor('write', token)),
  ];

  /** Compares with every token, so that the time taken tells nothing about any of them. */
  const holderOf = (secret: string): Holder | null => {
    const digest = digestOf(secret);
    let found: Holder | null = null;
    // Of one secret with several rights the last, which is the greatest, counts.
    for (const holder of holders) if (timingSafeEqual(holder.digest, digest)) found = holder;
    return found;
  };

  // Signed with the token itself, so that a cookie holds on every replica and ends with its token.
  const sign = (holder: Holder, payload: string): string =>
    createHmac('sha256', holder.token.secret).update(`${SESSION_COOKIE}:${payload}`).digest('base64url');
  const payloadOf = (holder: Holder, expires: number): string =>
    `${holder.kind}.${Buffer.from(holder.token.name).toString('base64url')}.${expires}`;

  const cookieFor = (holder: Holder): SessionCookie => {
    const seconds = holder.kind === 'display' ? DISPLAY_SECONDS : SESSION_SECONDS;
    const payload = payloadOf(holder, now() + seconds * 1000);
    return { value: `${payload}.${sign(holder, payload)}`, seconds };
  };

  const holderOfCookie = (value: string): Holder | null => {
    const [kind, name, expires, signature] = value.split('.');
    if (kind === undefined || name === undefined || expires === undefined || signature === undefined) return null;
    if (!(Number(expires) > now())) return null;
    for (const holder of holders) {
      const payload = payloadOf(holder, Number(expires));
      if (payload !== `${kind}.${name}.${expires}`) continue;
      if (timingSafeEqual(digestOf(sign(holder, payload)), digestOf(signature))) return holder;
    }
    return null;
  };

  const find = (request: Asking): Holder | null => {
    const bearer = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
    if (bearer !== undefined) return holderOf(bearer);
    const { path, query } = splitUrl(request.url);
    const link = path === FEED_PATH ? query.get('token') : null;
    if (link !== null) return holderOf(link);
    const cookie = cookieOf(request.headers.cookie, SESSION_COOKIE);
    return cookie === null ? null : holderOfCookie(cookie);
  };

  return {
    required: true,
    checkAccess: (request) => (find(request) === null ? 'unauthorized' : 'ok'),
    checkWrite: (request) => (find(request)?.kind === 'write' ? 'ok' : 'unauthorized'),
    signIn: (secret) => {
      const holder = holderOf(secret);
      return holder === null ? null : cookieFor(holder);
    },
    renew: (request) => {
      const cookie = cookieOf(request.headers.cookie, SESSION_COOKIE);
      const holder = cookie === null ? null : holderOfCookie(cookie);
      if (holder?.kind !== 'display') return null;
      const expires = Number(cookie?.split('.')[2]);
      return expires - now() > (DISPLAY_SECONDS - RENEWED_AFTER_SECONDS) * 1000 ? null : cookieFor(holder);
    },
  };
}

/**
 * Guards an app: whatever is read needs a token where one is set, and a link with `?token=` signs its page in. The feed
 * decides for itself, because a refusal is told there by the close code. Call it before the routes are registered.
 */
export function installAccess(app: FastifyInstance, access: Access): void {
  if (!access.required) return;
  app.addHook('onRequest', async (request, reply) => {
    const { path, query } = splitUrl(request.url);
    if (OPEN_PATHS.has(path) || path === FEED_PATH) return;
    const secret = query.get('token');
    if (secret !== null && request.method === 'GET' && !path.startsWith('/api/')) {
      query.delete('token');
      return signInByLink(access, secret, path + (query.size > 0 ? `?${query}` : ''), request, reply);
    }
    if (access.checkAccess(request) === 'unauthorized') return refuse(path, request, reply);
    const renewed = access.renew(request);
    if (renewed !== null) reply.header('set-cookie', cookieHeader(renewed, request));
  });
}

function signInByLink(
  access: Access,
  secret: string,
  target: string,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const cookie = access.signIn(secret);
  if (cookie === null) return refuse(target.split('?')[0] ?? '/', request, reply);
  // A path that begins with two slashes would lead to another host.
  const own = target.replace(/^[/\\]+/, '/');
  reply.header('set-cookie', cookieHeader(cookie, request)).header('cache-control', 'no-store');
  if (request.headers['sec-fetch-site'] !== 'cross-site') return reply.redirect(own, 303);
  // A redirect out of another site's link would come without the cookie just set; a page of our own that leads on does not.
  const address = escapeHtml(own);
  return reply
    .type('text/html; charset=utf-8')
    .send(page(`<meta http-equiv="refresh" content="0;url=${address}">`, `<p><a href="${address}">Go on</a></p>`));
}

function cookieHeader({ value, seconds }: SessionCookie, request: FastifyRequest): string {
  const secure = request.protocol === 'https' ? '; Secure' : '';
  return `${SESSION_COOKIE}=${value}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Strict${secure}`;
}

function refuse(path: string, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const challenge = { 'www-authenticate': 'Bearer realm="AlphaPulse dashboard"' };
  const wantsPage = (request.headers.accept ?? '').includes('text/html');
  if (path.startsWith('/api/') || !wantsPage) {
    throw new Problem(401, 'a token is needed: send "Authorization: Bearer SECRET"', { headers: challenge });
  }
  return reply
    .code(401)
    .headers({ ...challenge, 'cache-control': 'no-store' })
    .type('text/html; charset=utf-8')
    .send(
      page(
        // A screen that nobody can touch asks again by itself.
        path === WALL_PATH ? `<meta http-equiv="refresh" content="${ASK_AGAIN_SECONDS}">` : '',
        '<h1>A token is needed</h1><p>Open this page once by its link with <code>?token=SECRET</code>.</p>',
      ),
    );
}

function page(head: string, body: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>AlphaPulse</title>${head}</head><body>${body}</body></html>`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** A request's address without the secret in it, for logs. */
export function withoutToken(url: string): string {
  return url.replace(/([?&]token=)[^&#]*/g, '$1***');
}

function splitUrl(url: string): { path: string; query: URLSearchParams } {
  const start = url.indexOf('?');
  if (start < 0) return { path: url, query: new URLSearchParams() };
  return { path: url.slice(0, start), query: new URLSearchParams(url.slice(start + 1)) };
}

function cookieOf(header: string | undefined, name: string): string | null {
  for (const pair of (header ?? '').split(';')) {
    const equals = pair.indexOf('=');
    if (equals > 0 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim();
  }
  return null;
}
