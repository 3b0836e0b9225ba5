/** The two documents of the interfaces as one page to be read: plain HTML, without a script. */
import { fieldEntry, fieldList, type Lookup } from './docs-schema.ts';
import { type Html, html, sentence } from './html.ts';
import { isJson, type Json } from './json-schema.ts';

/** Where the page's style lies. */
export const STYLE_PATH = '/api/docs.css';

const entries = (value: unknown): readonly (readonly [string, Json])[] =>
  Object.entries(isJson(value) ? value : {}).flatMap(([name, member]) =>
    isJson(member) ? [[name, member] as const] : [],
  );
const list = (value: unknown): readonly Json[] => (Array.isArray(value) ? value.filter(isJson) : []);
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const anchor = (...names: readonly string[]): string => names.join('-').replaceAll(/[^A-Za-z0-9]+/g, '-');

/** Looks references of a document up. */
function lookupOf(document: Json): Lookup {
  return (reference) => {
    let here: unknown = document;
    for (const name of reference.replace('#/', '').split('/')) here = isJson(here) ? here[name] : undefined;
    if (!isJson(here)) throw new Error(`the document has nothing at ${reference}`);
    return here;
  };
}

/** The page of both documents. */
export function docsPage(openapi: Json, asyncapi: Json): string {
  const http = operationsOf(openapi);
  const { messages } = isJson(asyncapi.components) ? asyncapi.components : {};
  const info = isJson(openapi.info) ? openapi.info : {};
  const groups = list(openapi.tags).map(({ name, description }) => ({
    words: text(description).replace(/\.$/, ''),
    operations: http.filter(({ operation }) => Array.isArray(operation.tags) && operation.tags.includes(name)),
  }));
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Interfaces of the AlphaPulse Dashboard</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${STYLE_PATH}">
</head>
<body>
<header>
<h1>Interfaces of the AlphaPulse Dashboard <small>${text(info.version)}</small></h1>
<p>What a server answers over HTTP, and what its live feed says. For machines the same is at
<a href="/api/openapi.json">/api/openapi.json</a> (OpenAPI 3.1) and <a href="/api/asyncapi.json">/api/asyncapi.json</a> (AsyncAPI 3.0).
The dashboard itself is at <a href="/">/</a>.</p>
</header>
<nav aria-label="Contents">
${groups.map(
  ({ words, operations }) => html`<h2>${words}</h2>
<ul>${operations.map(({ id, method, path }) => html`<li><a href="#${id}"><b>${method}</b> ${path}</a></li>`)}</ul>
`,
)}
<h2>The feed</h2>
<ul>${entries(messages).map(([name]) => html`<li><a href="#${anchor('frame', name)}">${name}</a></li>`)}<li><a href="#codes">Codes and limits</a></li></ul>
</nav>
<main>
<p>${sentence(text(info.description))}</p>
${groups.map(
  ({ words, operations }) => html`<section>
<h2>${words}</h2>
${operations.map((described) => operationArticle(described, lookupOf(openapi)))}
</section>
`,
)}
<section>
<h2>The feed</h2>
<p>${sentence(text(isJson(asyncapi.info) ? asyncapi.info.description : ''))}</p>
${entries(messages).map(([name, message]) => messageArticle(name, message, asyncapi))}
${codes(asyncapi)}
</section>
</main>
</body>
</html>
`.text;
}

interface Described {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly operation: Json;
}

function operationsOf(openapi: Json): readonly Described[] {
  return entries(openapi.paths).flatMap(([path, methods]) =>
    entries(methods).map(([method, operation]) => ({
      id: anchor(method, path),
      method: method.toUpperCase(),
      path,
      operation,
    })),
  );
}

function access(security: unknown): string {
  const ways = list(security);
  if (ways.length === 0) return 'Open to everybody.';
  return ways.some((way) => Object.keys(way).length === 0) ? 'Needs no token here.' : 'Needs a token.';
}

function operationArticle({ id, method, path, operation }: Described, lookup: Lookup): Html {
  const parameters = list(operation.parameters);
  const body = isJson(operation.requestBody) ? operation.requestBody : null;
  return html`<article id="${id}">
<h3><a href="#${id}"><b>${method}</b> <code>${path}</code></a></h3>
<p>${sentence(text(operation.summary))}. ${sentence(text(operation.description))} <span class="type">${access(operation.security)}</span></p>
${
  parameters.length === 0
    ? ''
    : html`<h4>Parameters</h4><dl>${parameters.map(({ name, schema, required, description }) =>
        fieldEntry(text(name), isJson(schema) ? schema : {}, { required: required === true, words: description }),
      )}</dl>`
}
${body === null ? '' : html`<h4>Body</h4><p>${sentence(text(body.description))}</p>${content(body, lookup)}`}
<h4>Answers</h4>
${entries(operation.responses).map(([status, response]) => responseOf(status, response, lookup))}
</article>
`;
}

function responseOf(status: string, response: Json, lookup: Lookup): Html {
  const words = html`<p><b>${status}</b> ${sentence(text(response.description))}</p>`;
  // Problems are all alike.
  return Number(status) >= 400 && !JSON.stringify(response).includes('"application/json"')
    ? words
    : html`${words}${content(response, lookup)}`;
}

function content(holder: Json, lookup: Lookup): Html {
  return html`${entries(holder.content).map(([type, { schema, examples }]) => {
    const shape = isJson(schema) ? schema : {};
    // A row, or an array of them: the fields are the same.
    const [first] = list(shape.oneOf);
    return html`<p class="type">${type}</p>${fieldList(first ?? shape, lookup)}${entries(examples).map(([, { value }]) => pre(value))}`;
  })}`;
}

function pre(value: unknown): Html {
  return html`<pre><code>${JSON.stringify(value, null, 2)}</code></pre>`;
}

function messageArticle(name: string, message: Json, asyncapi: Json): Html {
  const lookup = lookupOf(asyncapi);
  const payload = isJson(message.payload) ? message.payload : {};
  const operation = isJson(asyncapi.operations) ? asyncapi.operations[name] : undefined;
  const id = anchor('frame', name);
  return html`<article id="${id}">
<h3><a href="#${id}"><code>${name}</code></a> <span class="type">${isJson(operation) ? 'from the client' : 'from the server'}</span></h3>
<p>${sentence(text(message.summary))}</p>
${fieldList(payload, lookup)}
${list(message.examples).map(({ payload: example }) => pre(example))}
</article>
`;
}

/** Error codes, close codes and limits of the feed. */
function codes(asyncapi: Json): Html {
  const feed = lookupOf(asyncapi)('#/channels/feed');
  const errors = lookupOf(asyncapi)('#/components/schemas/error/properties/code')['x-codes'];
  const pairs = (value: unknown): readonly Html[] =>
    Object.entries(isJson(value) ? value : {}).map(
      ([name, words]) =>
        html`<div class="field"><dt><code>${name}</code></dt><dd>${sentence(String(words))}</dd></div>`,
    );
  return html`<article id="codes">
<h3><a href="#codes">Codes and limits</a></h3>
<h4>Errors</h4><dl>${pairs(errors)}</dl>
<h4>Closes</h4><dl>${pairs(feed['x-close-codes'])}</dl>
<h4>Limits</h4><dl>${pairs(feed['x-limits'])}</dl>
</article>
`;
}
