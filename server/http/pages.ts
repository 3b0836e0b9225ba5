/** Serves the built page: the dashboard, the wall, and the files they load. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyPluginAsync } from 'fastify';
import { errorCode } from '../db/queryable.ts';
import { allowScripts } from './pages-headers.ts';

/** Where the built page lies. */
export interface PagesDeps {
  /** The folder with index.html. */
  readonly clientDir: string;
}

/** The build of a page that is not built. */
export const NO_BUILD = 'dev';
const INDEX = 'index.html';
/** Names of files in this folder carry a hash of their content. */
const HASHED_FOLDER = '/assets/';
const PAGES = ['/', '/wall'] as const;
const NOT_BUILT = 'The page is not built. Build it with: npm run build\n';

/**
 * What tells one build of the page from another: a hash of index.html, which names all it loads by hash; `NO_BUILD` where
 * there is none.
 */
export function readBuildId(clientDir: string): string {
  try {
    return createHash('sha256')
      .update(readFileSync(join(clientDir, INDEX)))
      .digest('hex')
      .slice(0, 16);
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return NO_BUILD;
    throw error;
  }
}

/** Registers the pages and their files. */
export const pageRoutes: FastifyPluginAsync<PagesDeps> = async (app, { clientDir }) => {
  const build = readBuildId(clientDir);
  if (build === NO_BUILD) {
    for (const path of PAGES) {
      app.get(path, async (_request, reply) =>
        reply.code(503).header('cache-control', 'no-store').type('text/plain; charset=utf-8').send(NOT_BUILT),
      );
    }
    return;
  }
  await app.register(fastifyStatic, {
    root: clientDir,
    index: false,
    cacheControl: false,
    dotfiles: 'ignore',
    // The build has laid them there.
    preCompressed: true,
    setHeaders: (reply, path) => {
      // Private, because a proxy does not know who may see it.
      const hashed = path.slice(clientDir.length).replaceAll('\\', '/').startsWith(HASHED_FOLDER);
      reply.header('cache-control', hashed ? 'private, max-age=31536000, immutable' : 'no-cache');
    },
  });
  const etag = `"${build}"`;
  const page = withBuildId(readFileSync(join(clientDir, INDEX), 'utf8'), build);
  const hashes = inlineHashes(page);
  for (const path of PAGES) {
    app.get(path, async (request, reply) => {
      reply.headers({ 'cache-control': 'no-cache', etag });
      allowScripts(reply, hashes);
      if (request.headers['if-none-match'] === etag) return reply.code(304).send();
      return reply.type('text/html; charset=utf-8').send(page);
    });
  }
};

/** The page with the name of its build in it, which it holds against the one that the feed's hello names. */
function withBuildId(html: string, build: string): string {
  return html.replace('<head>', `<head>\n    <meta name="build" content="${build}" />`);
}

/** The hashes of the scripts that stand in the page itself, as a content security policy writes them. */
function inlineHashes(html: string): readonly string[] {
  return [...html.matchAll(/<script>(.*?)<\/script>/gs)].map(
    ([, code]) =>
      `'sha256-${createHash('sha256')
        .update(code ?? '')
        .digest('base64')}'`,
  );
}
