/** The page at /api/docs: what the interfaces' documents say, to be read in a browser. */
import type { FastifyPluginAsync } from 'fastify';
import { type AsyncApiAbout, addressOf, asyncApiDocument } from './asyncapi.ts';
import { docsPage, STYLE_PATH } from './docs-page.ts';
import { DOCS_STYLE } from './docs-style.ts';
import { type OpenApiAbout, openApiDocument, originOf } from './openapi.ts';

/** Registers the page and its style. They are guarded as everything is that is read. */
export const docsRoutes: FastifyPluginAsync<OpenApiAbout & AsyncApiAbout> = async (app, about) => {
  app.get('/api/docs', async (request, reply) => {
    const openapi = openApiDocument(about, originOf(request));
    const page = docsPage(openapi, asyncApiDocument(about, addressOf(request)));
    return reply.header('cache-control', 'no-cache').type('text/html; charset=utf-8').send(page);
  });

  app.get(STYLE_PATH, async (_request, reply) =>
    reply.header('cache-control', 'no-cache').type('text/css; charset=utf-8').send(DOCS_STYLE),
  );
};
