/**
 * Who may read and who may write: tokens in the Authorization header, in the link to a page or to the feed, or in the
 * cookie that a link or the sign-in form sets. Secrets are compared in constant time and appear in no message.
 */
import { timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import type { AccessConfig, Token, TokenSet } from '../config.ts';
import { digestOf, seal, sessionOf, unseal } from './session-cookie.ts';

export { SESSION_COOKIE } from './session-cookie.ts';

/** What of a request decides. */
export type Asking = Pick<FastifyRequest, 'headers' | 'url'>;

/** Whose token it is. The same object for as long as the token stays the same. */
export interface Holder {
  readonly kind: 'view' | 'write' | 'display';
  readonly name: string;
}

/** A cookie that signs a browser in. */
export interface SessionCookie {
  readonly value: string;
  /** For how long, in seconds. */
  readonly seconds: number;
}

/** The decision about requests. */
export interface Access {
  /** Whether a token is needed at all. */
  readonly required: boolean;
  /** Whether the request may read. Of the feed also by `?token=`. */
  checkAccess(request: Asking): 'ok' | 'unauthorized';
  /** The same for writing. */
  checkWrite(request: Asking): 'ok' | 'unauthorized';
  /** Whose token the request shows; null where it shows none that counts. */
  holderOf(request: Asking): Holder | null;
  /** The same of a secret. */
  holderOfSecret(secret: string): Holder | null;
  /** Whether the token of a holder still counts. */
  stands(holder: Holder): boolean;
  /** The cookie for the token of a link; null where that is none. */
  signIn(secret: string): SessionCookie | null;
  /** A new cookie for a screen that has used its own for a while; null where there is nothing to renew. */
  renew(request: Asking): SessionCookie | null;
  /** Takes these tokens for those that count from now on. What others have opened ends. */
  replace(tokens: TokenSet): void;
  /** Tells a listener after each `replace`. */
  onReplaced(listener: () => void): void;
}

/** How long the cookie holds, in seconds; it ends before that where its token does. */
const SESSION_SECONDS = 30 * 24 * 3600;
/** The same for a screen on a wall, where nobody could sign in again: as long as browsers keep a cookie at all. */
const DISPLAY_SECONDS = 400 * 24 * 3600;
/** A screen's cookie is renewed where it has been used for so long. */
const RENEWED_AFTER_SECONDS = 24 * 3600;
const FEED_PATH = '/feed';

interface Known extends Holder {
  readonly digest: Buffer;
}

/** Every token as what is compared. Those that were known before stay the same objects. */
function knownOf(tokens: TokenSet, before: readonly Known[]): readonly Known[] {
  const known = (kind: Holder['kind'], token: Token): Known => {
    const digest = 'secret' in token ? digestOf(token.secret) : Buffer.from(token.sha256, 'hex');
    const same = before.find((old) => old.kind === kind && old.name === token.name && old.digest.equals(digest));
    return same ?? { kind, name: token.name, digest };
  };
  return [
    ...tokens.viewTokens.map((token) => known('view', token)),
    ...(tokens.displayTokens ?? []).map((token) => known('display', token)),
    ...tokens.writeTokens.map((token) => known('write', token)),
  ];
}

const OPEN: Access = {
  required: false,
  checkAccess: () => 'ok',
  checkWrite: () => 'ok',
  holderOf: () => null,
  holderOfSecret: () => null,
  stands: () => true,
  signIn: () => null,
  renew: () => null,
  replace: () => undefined,
  onReplaced: () => undefined,
};

/** Makes the decision from the configuration. @param now epoch ms. */
export function createAccess(config: AccessConfig, now: () => number = Date.now): Access {
  if (config.kind === 'open') return OPEN;
  let holders = knownOf(config, []);
  const listeners: (() => void)[] = [];

  /** Compares with every token, so that the time taken tells nothing about any of them. */
  const holderOfSecret = (secret: string): Known | null => {
    const digest = digestOf(secret);
    let found: Known | null = null;
    // Of one secret with several rights the last, which is the greatest, counts.
    for (const holder of holders) if (timingSafeEqual(holder.digest, digest)) found = holder;
    return found;
  };

  const payloadOf = (holder: Holder, expires: number): string =>
    `${holder.kind}.${Buffer.from(holder.name).toString('base64url')}.${expires}`;

  const cookieFor = (holder: Holder, secret: string): SessionCookie => {
    const seconds = holder.kind === 'display' ? DISPLAY_SECONDS : SESSION_SECONDS;
    const payload = payloadOf(holder, now() + seconds * 1000);
    return { value: `${payload}.${seal(secret, payload)}`, seconds };
  };

  const openCookie = (value: string): { holder: Known; secret: string; expires: number } | null => {
    const [kind, name, end, sealed] = value.split('.');
    if (kind === undefined || name === undefined || end === undefined || sealed === undefined) return null;
    const expires = Number(end);
    if (!(expires > now())) return null;
    for (const holder of holders) {
      const payload = payloadOf(holder, expires);
      const secret = payload === `${kind}.${name}.${end}` ? unseal(sealed, payload, holder.digest) : null;
      if (secret !== null) return { holder, secret, expires };
    }
    return null;
  };

  const sessionIn = (request: Asking): ReturnType<typeof openCookie> => {
    const cookie = sessionOf(request.headers.cookie);
    return cookie === null ? null : openCookie(cookie);
  };

  const holderOf = (request: Asking): Known | null => {
    const secret = secretOf(request);
    return secret === null ? (sessionIn(request)?.holder ?? null) : holderOfSecret(secret);
  };

  return {
    required: true,
    checkAccess: (request) => (holderOf(request) === null ? 'unauthorized' : 'ok'),
    checkWrite: (request) => (holderOf(request)?.kind === 'write' ? 'ok' : 'unauthorized'),
    holderOf,
    holderOfSecret,
    stands: (holder) => holders.some((known) => known === holder),
    signIn: (secret) => {
      const holder = holderOfSecret(secret);
      return holder === null ? null : cookieFor(holder, secret);
    },
    renew: (request) => {
      const session = sessionIn(request);
      if (session?.holder.kind !== 'display') return null;
      const isFresh = session.expires - now() > (DISPLAY_SECONDS - RENEWED_AFTER_SECONDS) * 1000;
      return isFresh ? null : cookieFor(session.holder, session.secret);
    },
    replace: (tokens) => {
      holders = knownOf(tokens, holders);
      for (const listener of listeners) listener();
    },
    onReplaced: (listener) => {
      listeners.push(listener);
    },
  };
}

/**
 * The secret that a request shows, in its header or, of the feed, in its address; null where it shows none. A cookie is
 * none: it was given by this server.
 */
export function secretOf(request: Asking): string | null {
  const bearer = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
  if (bearer !== undefined) return bearer;
  const { path, query } = splitUrl(request.url);
  return path === FEED_PATH ? query.get('token') : null;
}

/** A request's address without the secret in it, for logs. */
export function withoutToken(url: string): string {
  return url.replace(/([?&]token=)[^&#]*/g, '$1***');
}

/** The path of a request's address, as it came, and what is asked behind it. */
export function splitUrl(url: string): { path: string; query: URLSearchParams } {
  const start = url.indexOf('?');
  if (start < 0) return { path: url, query: new URLSearchParams() };
  return { path: url.slice(0, start), query: new URLSearchParams(url.slice(start + 1)) };
}
