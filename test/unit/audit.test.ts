/** The audit of dependencies against a registry of the test's own: it fails for serious faults, and never for want of a registry. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { packageRoot } from '../../server/root.ts';

/** Runs the audit with a registry at an address, and resolves to its exit code and what it said. */
async function audit(registry: string): Promise<{ code: unknown; said: string }> {
  // A cache of its own: npm keeps what it once computed of a fault.
  const cache = await mkdtemp(join(tmpdir(), 'alphapulse-audit-'));
  const child = spawn(process.execPath, [join(packageRoot(), 'scripts', 'audit.mjs')], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, npm_config_registry: registry, npm_config_cache: cache },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const [code]: unknown[] = await once(child, 'close');
  await rm(cache, { recursive: true, force: true });
  return { code, said };
}

/** The same with a registry that answers so. */
async function auditWith(
  listener: RequestListener,
): Promise<{ code: unknown; said: string; asked: readonly string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    request.resume().once('end', () => listener(request, response));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  try {
    const { port } = z.object({ port: z.number() }).parse(server.address());
    return { ...(await audit(`http://127.0.0.1:${port}/`)), asked };
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

/** A registry that knows one fault of a dependency. */
const knowing =
  (severity: string): RequestListener =>
  (request, response) => {
    const known = {
      umzug: [
        {
          id: 1,
          url: 'http://127.0.0.1/1',
          title: 'It runs away',
          severity,
          vulnerable_versions: '*',
          cwe: [],
          cvss: {},
        },
      ],
    };
    response.statusCode = request.url?.includes('/advisories/bulk') ? 200 : 404;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(request.url?.includes('/advisories/bulk') ? known : {}));
  };

describe('the audit', () => {
  it.each([
    ['critical', 1],
    ['high', 1],
    ['moderate', 0],
  ])('of a fault that is %s ends with %i', async (severity, code) => {
    const ran = await auditWith(knowing(severity));
    expect(ran).toMatchObject({ code, said: expect.stringContaining(`${severity}: umzug: It runs away`) });
    expect(ran.asked.join()).toContain('advisories/bulk');
  });

  it('of no fault ends with 0', async () => {
    const ran = await auditWith((_request, response) => response.end('{}'));
    expect(ran).toMatchObject({ code: 0, said: expect.stringContaining('audit: 0 known faults') });
  });

  it.each([404, 405, 500])('is skipped where the registry answers %i', async (status) => {
    const ran = await auditWith((_request, response) => {
      response.statusCode = status;
      response.end('{}');
    });
    expect(ran).toMatchObject({ code: 0, said: expect.stringContaining('audit skipped: no registry answered') });
  });

  it('is skipped where nothing answers', async () => {
    expect(await audit('http://127.0.0.1:1/')).toMatchObject({
      code: 0,
      said: expect.stringMatching(/^audit skipped: no registry answered \(.*ECONNREFUSED/),
    });
  });
});
