/**
 * Guards an app: whatever is read needs a token where one is set. A browser signs in with a form or with a link that has
 * the token in it, and gets a cookie; it signs out with a form.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import * as z from 'zod';
import { type Access, type SessionCookie, secretOf, splitUrl } from './auth.ts';
import { Problem } from './problem.ts';
import { type Guard, tooMany } from './rate-limits.ts';
import { sessionHeader } from './session-cookie.ts';
import { leadingOnPage, STYLE, STYLE_PATH, signInPage, signOutPage } from './sign-in-page.ts';
import { shown } from './validation.ts';

/** What the guard decides by. */
export interface SignInDeps {
  readonly access: Access;
  readonly guard: Guard;
  /** Whether a page of this origin may sign its visitor in. */
  readonly originAllowed: (origin: string, request: FastifyRequest) => boolean;
}

const SIGN_IN = '/sign-in';
const SIGN_OUT = '/sign-out';
const FEED_PATH = '/feed';
const WALL_PATH = '/wall';
const ASK_AGAIN_SECONDS = 60;
/** Open to everybody. `/api/health` tells strangers the status alone. */
const OPEN_PATHS: ReadonlySet<string> = new Set([
  '/api/health',
  '/api/health/live',
  '/api/health/ready',
  SIGN_IN,
  SIGN_OUT,
  STYLE_PATH,
]);
/** Bytes of a form that was filled in. */
const FORM_BYTES = 8192;
const CHALLENGE = { 'www-authenticate': 'Bearer realm="AlphaPulse dashboard"' };
const WRONG = 'This token is not accepted. Check that all of it was copied.';

/** A form as a browser sends it. People who copy a token often copy a space with it. */
const signInForm = z.object({ token: z.string().trim().default(''), to: z.string().default('/') });

/**
 * Installs the guard and the routes of signing in and out. The feed decides for itself, because a refusal is told there by
 * the close code. Call it before the other routes are registered.
 */
export async function installSignIn(app: FastifyInstance, deps: SignInDeps): Promise<void> {
  const { access, guard } = deps;
  if (!access.required) return;
  app.addHook('onRequest', async (request, reply) => {
    const { path, query } = splitUrl(request.url);
    if (path === FEED_PATH) return;
    const link = query.get('token');
    if (link !== null && request.method === 'GET' && !path.startsWith('/api/')) {
      query.delete('token');
      return signIn(deps, link, ownPath(path + (query.size > 0 ? `?${query}` : '')), request, reply);
    }
    if (OPEN_PATHS.has(path)) return;
    const secret = secretOf(request);
    if (secret !== null) {
      const verdict = await guard.judge(request, secret);
      if (verdict.kind === 'wait') throw tooMany('too many wrong tokens came from this address', verdict.seconds);
    }
    if (access.checkAccess(request) === 'unauthorized') return refuse(ownPath(request.url), null, request, reply);
    const renewed = access.renew(request);
    if (renewed !== null) setCookie(reply, request, renewed);
  });
  await app.register(async (forms) => {
    forms.removeAllContentTypeParsers();
    forms.addContentTypeParser(
      'application/x-www-form-urlencoded',
      { parseAs: 'string', bodyLimit: FORM_BYTES },
      async (_request: FastifyRequest, body: string) => Object.fromEntries(new URLSearchParams(body)),
    );
    forms.addHook('onSend', async (_request, reply) => {
      // A form of a page without a referrer has the origin "null", which says nothing about where it came from.
      reply.headers({ 'cache-control': 'no-store', 'referrer-policy': 'same-origin' });
    });
    forms.get(SIGN_IN, async (request, reply) => {
      const to = ownPath(splitUrl(request.url).query.get('to') ?? '/');
      return html(reply, signInPage({ to, wrong: null, asksAgainAfter: null }));
    });
    forms.post(SIGN_IN, async (request, reply) => {
      requireOwnPage(deps, request);
      const { token, to } = signInForm.parse(request.body ?? {});
      if (token === '') return refuse(ownPath(to), 'Type the token in.', request, reply);
      return signIn(deps, token, ownPath(to), request, reply);
    });
    forms.get(SIGN_OUT, async (_request, reply) => html(reply, signOutPage()));
    forms.post(SIGN_OUT, async (request, reply) => {
      requireOwnPage(deps, request);
      setCookie(reply, request, { value: '', seconds: 0 });
      return reply.redirect(SIGN_IN, 303);
    });
  });
  app.get(STYLE_PATH, async (_request, reply) =>
    reply.header('cache-control', 'no-cache').type('text/css; charset=utf-8').send(STYLE),
  );
}

async function signIn(
  { access, guard }: SignInDeps,
  secret: string,
  to: string,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const verdict = await guard.judge(request, secret);
  if (verdict.kind === 'wait') {
    const problem = tooMany('too many wrong tokens came from this address', verdict.seconds);
    if (!wantsPage(request)) throw problem;
    reply.code(429).headers({ ...problem.headers, 'referrer-policy': 'same-origin' });
    const wrong = `Too many wrong tokens came from your address. Try again in ${verdict.seconds} seconds.`;
    return html(reply, signInPage({ to, wrong, asksAgainAfter: asksAgainAfter(to) }));
  }
  const cookie = verdict.kind === 'holder' ? access.signIn(secret) : null;
  if (cookie === null) return refuse(to, WRONG, request, reply);
  setCookie(reply, request, cookie).header('cache-control', 'no-store');
  if (request.headers['sec-fetch-site'] !== 'cross-site') return reply.redirect(to, 303);
  // A redirect out of another site's link would come without the cookie just set; a page of our own that leads on does not.
  return html(reply, leadingOnPage(to));
}

/** Refuses who shows no token that counts: a page to a browser, a problem to a program. */
function refuse(to: string, wrong: string | null, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (!wantsPage(request))
    throw new Problem(401, 'a token is needed: send "Authorization: Bearer SECRET"', { headers: CHALLENGE });
  reply.code(401).headers({ ...CHALLENGE, 'referrer-policy': 'same-origin' });
  return html(reply, signInPage({ to, wrong, asksAgainAfter: asksAgainAfter(to) }));
}

/** A screen that nobody can touch asks again by itself. */
function asksAgainAfter(to: string): number | null {
  return to.split('?', 1)[0] === WALL_PATH ? ASK_AGAIN_SECONDS : null;
}

function wantsPage(request: FastifyRequest): boolean {
  return !request.url.startsWith('/api/') && (request.headers.accept ?? '').includes('text/html');
}

function html(reply: FastifyReply, text: string): FastifyReply {
  return reply.header('cache-control', 'no-store').type('text/html; charset=utf-8').send(text);
}

function setCookie(reply: FastifyReply, request: FastifyRequest, { value, seconds }: SessionCookie): FastifyReply {
  return reply.header('set-cookie', sessionHeader(value, seconds, request.protocol === 'https'));
}

/** Pages of other sites sign nobody in or out. @throws Problem 403 */
function requireOwnPage({ originAllowed }: SignInDeps, request: FastifyRequest): void {
  const { origin, 'sec-fetch-site': site } = request.headers;
  if (site === 'same-origin' || site === 'none') return;
  if (site === undefined && (origin === undefined || originAllowed(origin, request))) return;
  throw new Problem(403, `a page of ${shown(origin ?? site)} may not sign anybody in or out here`);
}

/** A path on this server; `/` for whatever leads elsewhere or back to these forms. */
export function ownPath(address: string): string {
  const base = 'http://own.invalid';
  // One slash alone: an address that begins with two names another host.
  const path = address.replace(/^[/\\]+/, '/');
  if (!path.startsWith('/') || !URL.canParse(path, base)) return '/';
  const { origin, pathname, search, hash } = new URL(path, base);
  const isForm = pathname === SIGN_IN || pathname === SIGN_OUT;
  return origin !== base || pathname.startsWith('//') || isForm ? '/' : pathname + search + hash;
}
