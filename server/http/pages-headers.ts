/** Headers that keep a page to itself, and the check that keeps pages of other sites from reaching a server on this machine. */
import { isIPv4 } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { Problem } from './problem.ts';
import { shown } from './validation.ts';

/** Nothing inline, nothing from elsewhere. Scripts set styles through the object model, which needs no exception. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "font-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "manifest-src 'self'",
  "worker-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');

/** Sets the security headers on every answer of an app. Call it before the routes are registered. */
export function installSecurityHeaders(app: FastifyInstance): void {
  app.addHook('onRequest', async (_request, reply) => {
    reply.headers({
      'content-security-policy': CONTENT_SECURITY_POLICY,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'x-frame-options': 'DENY',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
    });
  });
}

/** Whether a Host header names this machine to itself. The port does not matter. */
export function isLoopbackName(host: string): boolean {
  const name = host
    .replace(/:\d*$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase()
    .replace(/\.$/, '');
  return (
    name === 'localhost' || name.endsWith('.localhost') || name === '::1' || (isIPv4(name) && name.startsWith('127.'))
  );
}

/**
 * Lets an app that listens on a loopback address answer to loopback names only: a foreign site that has its own name
 * lead here (DNS rebinding) would otherwise be this server's own origin to a browser.
 *
 * @param allowed further `host` or `host:port` values, for a proxy on this machine that hands its own name on.
 */
export function installHostCheck(app: FastifyInstance, allowed: readonly string[] = []): void {
  app.addHook('onRequest', async (request) => {
    const { host } = request.headers;
    // Only browsers are led astray, and they always send a Host.
    if (host === undefined || isLoopbackName(host) || allowed.includes(host)) return;
    throw new Problem(
      421,
      `the host name ${shown(host)} does not belong to this server, which answers to localhost and 127.0.0.1; ` +
        'set DASHBOARD_HOST or DASHBOARD_ALLOWED_ORIGINS where it should answer to others',
    );
  });
}
