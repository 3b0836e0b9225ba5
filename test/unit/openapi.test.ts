/** The generated document of the REST interface: right by OpenAPI's own schema, complete, and with examples that hold. */
import { Validator } from '@seriousme/openapi-schema-validator';
import { describe, expect, it, test } from 'vitest';
import { parseConfig } from '../../server/config.ts';
import { isJson } from '../../server/http/json-schema.ts';
import { allOperations, openApiDocument } from '../../server/http/openapi.ts';
import { TAGS } from '../../server/http/openapi-operations.ts';
import { at, judgeOf } from '../support/schemas.ts';

const { limits } = parseConfig({ DASHBOARD_MAX_PAGE_ROWS: '777', DASHBOARD_MAX_KEYS_PER_SUBSCRIPTION: '7' }).config;
const about = { version: '1.2.3', limits, guarded: true };
const document = openApiDocument(about, 'https://dash.example');
const judge = judgeOf(document);
const operations = allOperations(limits);
const named = operations.map((operation) => [`${operation.method} ${operation.path}`, operation] as const);

/** A copy that the validator may change. */
const copy = (): Record<string, unknown> => structuredClone(JSON.parse(JSON.stringify(document)));

test('the document is right by the schema of OpenAPI 3.1', async () => {
  const validator = new Validator();
  expect(await validator.validate(copy())).toEqual({ valid: true });
  expect(validator.version).toBe('3.1');
});

test('the schema of OpenAPI 3.1 finds what is wrong', async () => {
  expect(await new Validator().validate({ ...copy(), paths: { '/a': { get: { responses: 7 } } } })).toMatchObject({
    valid: false,
  });
});

test('every reference in the document leads somewhere', () => {
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path]) => path ?? '');
  expect(references.length).toBeGreaterThan(20);
  for (const path of references) expect(() => at(document, ...path.split('/'))).not.toThrow();
});

test('operations have names of their own, and every group has some', () => {
  const ids = named.map(([, { method, path }]) => String(at(document, 'paths', path, method).operationId));
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) expect(id).toMatch(/^[a-z][A-Za-z0-9]+$/);
  expect(Object.keys(TAGS).filter((tag) => !operations.some((operation) => operation.tag === tag))).toEqual([]);
});

describe.each(named)('%s', (_name, { method, path, parameters = {}, query }) => {
  const operation = at(document, 'paths', path, method);
  const listed = Array.isArray(operation.parameters) ? operation.parameters.filter(isJson) : [];

  it('has words for each of its parameters, and for no others', () => {
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    expect(Object.keys(parameters)).toEqual(inPath);
    expect(Object.keys(query?.words ?? {}).sort()).toEqual(Object.keys(query?.schema.shape ?? {}).sort());
    expect(listed.map(({ name }) => name)).toEqual([...inPath, ...Object.keys(query?.schema.shape ?? {})]);
    for (const { name, description, schema } of listed) {
      expect(description, String(name)).toEqual(expect.stringMatching(/\w/));
      // A schema that says nothing would take everything.
      expect(Object.keys(at({ schema }, 'schema')), String(name)).not.toEqual([]);
    }
  });

  it('has examples that its schemas accept', () => {
    for (const { name, schema, example } of listed)
      if (example !== undefined) expect(judge(at({ schema }, 'schema'), example), String(name)).toBe('');
    const contents = [operation.requestBody, ...Object.values(at(operation, 'responses'))].flatMap((holder) =>
      isJson(holder) && isJson(holder.content) ? Object.values(holder.content) : [],
    );
    for (const content of contents.filter(isJson))
      for (const example of Object.values(isJson(content.examples) ? content.examples : {}))
        expect(judge(at(content, 'schema'), at({ example }, 'example').value)).toBe('');
  });
});

test('the example of a problem is one', () => {
  const problem = at(document, 'components', 'responses', 'Problem', 'content', 'application/problem+json');
  expect(judge(at(problem, 'schema'), at(problem, 'examples', 'limit').value)).toBe('');
});

/** The schema of a parameter in the query string. */
function parameter(path: string, name: string) {
  const { parameters } = at(document, 'paths', path, 'get');
  const found = (Array.isArray(parameters) ? parameters : []).filter(isJson).find((one) => one.name === name);
  return { ...at({ found }, 'found', 'schema'), required: found?.required ?? false };
}

describe('bounds come from the schemas that parse', () => {
  it.each([
    ['/api/anomalies', 'limit', { type: 'integer', minimum: 1, maximum: 777, default: 777, required: false }],
    ['/api/chart/{chart}', 'points', { type: 'integer', minimum: 16, maximum: 10_000, default: 1200, required: false }],
    ['/api/chart/{chart}', 'symbol', { type: 'string', minLength: 1, maxLength: 200, default: 'BTC/USDT' }],
    ['/api/chart/{chart}', 'metric_name', { type: 'array', maxItems: 7 }],
    ['/api/chart/{chart}', 'bucket_ms', { type: 'integer', minimum: 1, maximum: 8 * 86_400_000 }],
    ['/api/data/{symbol}', 'hours', { type: 'integer', minimum: 1, maximum: 168, default: 24 }],
    ['/api/streams/{stream}/rows', 'format', { enum: ['json', 'csv'], default: 'json' }],
    ['/api/streams/{stream}/rows', 'from', { type: ['number', 'string'], required: false }],
    ['/api/streams/{stream}/checksum', 'key', { type: 'string', required: true }],
    ['/api/streams/{stream}/checksum', 'from', { required: true }],
  ])('%s %s', (path, name, expected) => {
    expect(parameter(path, name)).toMatchObject(expected);
  });
});

describe('a row to be written', () => {
  const { schema } = at(document, 'paths', '/api/anomalies', 'post', 'requestBody', 'content', 'application/json');
  const row = { symbol: 'A/B', data_type: 'x', value: 1, z_score: 2 };

  it.each([
    ['as it should be', row, true],
    ['with names for numbers', { ...row, value: 'NaN' }, true],
    ['with a time in text', { ...row, timestamp: '2026-01-15T12:30Z' }, true],
    ['many at once', [row, row], true],
    ['with a number in text', { ...row, value: '1' }, false],
    ['without a symbol', { data_type: 'x', value: 1, z_score: 2 }, false],
    ['with a symbol that is too long', { ...row, symbol: 'x'.repeat(21) }, false],
    ['with an id', { ...row, id: 7 }, false],
    ['too many', Array.from({ length: 1001 }, () => row), false],
  ])('%s', (_name, value, isRight) => {
    expect(judge(at({ schema }, 'schema'), value) === '').toBe(isRight);
  });
});

test('a server that asks for no token says so', () => {
  const open = openApiDocument({ ...about, guarded: false }, 'http://127.0.0.1:8050');
  expect(at(open, 'paths', '/api/symbols', 'get').security).toEqual([{}, { bearer: [] }, { cookie: [] }]);
  expect(at(document, 'paths', '/api/symbols', 'get').security).toEqual([{ bearer: [] }, { cookie: [] }]);
  expect(at(document, 'paths', '/api/health/live', 'get').security).toEqual([]);
});
