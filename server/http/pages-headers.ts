/** Headers that keep a page to itself, and the check that keeps pages of other sites from reaching a server on this machine. */
import { isIPv4 } from 'node:net';
import helmet from '@fastify/helmet';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { Problem } from './problem.ts';
import { shown } from './validation.ts';

/** Nothing inline (but what `allowScripts` adds), nothing from elsewhere. Scripts set styles through the object model, which needs no exception. */
const CONTENT_SECURITY_POLICY = {
  defaultSrc: ["'none'"],
  scriptSrc: ["'self'"],
  styleSrc: ["'self'"],
  fontSrc: ["'self'"],
  imgSrc: ["'self'", 'data:'],
  connectSrc: ["'self'"],
  manifestSrc: ["'self'"],
  workerSrc: ["'self'"],
  baseUri: ["'none'"],
  formAction: ["'self'"],
  frameAncestors: ["'none'"],
};

/** What no page of this server uses, so that nothing that got into one could. */
const PERMISSIONS_POLICY = [
  'accelerometer',
  'autoplay',
  'camera',
  'display-capture',
  'geolocation',
  'gyroscope',
  'magnetometer',
  'microphone',
  'midi',
  'payment',
  'usb',
  'xr-spatial-tracking',
]
  .map((feature) => `${feature}=()`)
  .join(', ');

/** For how long a browser that came over https comes over nothing else: half a year. Other names are not this server's to bind. */
const STRICT_TRANSPORT = 'max-age=15552000';

/** Sets the security headers on every answer of an app. Call it before the routes are registered. */
export async function installSecurityHeaders(app: FastifyInstance): Promise<void> {
  await app.register(helmet, {
    contentSecurityPolicy: { useDefaults: false, directives: CONTENT_SECURITY_POLICY },
    // Set below, where they mean something: a browser that was given plain http by another machine complains of the second.
    strictTransportSecurity: false,
    crossOriginOpenerPolicy: false,
    originAgentCluster: false,
    xFrameOptions: { action: 'deny' },
    referrerPolicy: { policy: 'no-referrer' },
  });
  app.addHook('onRequest', async (request, reply) => {
    reply.header('permissions-policy', PERMISSIONS_POLICY);
    const isSecure = request.protocol === 'https';
    if (isSecure) reply.header('strict-transport-security', STRICT_TRANSPORT);
    if (!isSecure && !isLoopbackName(request.headers.host ?? '')) return;
    reply.header('cross-origin-opener-policy', 'same-origin');
    reply.header('origin-agent-cluster', '?1');
  });
}

/** Allows scripts that stand in this answer itself, and no others, by their hashes (`'sha256-...'`). */
export function allowScripts(reply: FastifyReply, hashes: readonly string[]): void {
  const policy = String(reply.getHeader('content-security-policy'));
  const own = "script-src 'self'";
  if (!policy.includes(own))
    throw new Error(`the content security policy "${policy}" has no "${own}" to add scripts to`);
  reply.header('content-security-policy', policy.replace(own, [own, ...hashes].join(' ')));
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
