/** What the document of the REST interface says of the routes that are not about rows: health, figures, documents, pages. */
import { clientError } from './client-errors.ts';
import { EXAMPLES } from './openapi-examples.ts';
import type { Operation } from './openapi-operations.ts';

const html = (words: string) => ({ words, type: 'text/html' });

/** The operations that read no rows. */
export const STANDING_OPERATIONS: readonly Operation[] = [
  {
    method: 'get',
    path: '/api/health',
    tag: 'standing',
    summary: 'How the service is',
    description:
      'Healthy: the database is there, and every stream that can work is live. Who may not read is told the status alone.',
    access: 'open',
    answers: {
      200: { words: 'The database is there.', schema: 'Health', example: EXAMPLES.health },
      503: { words: 'The database is away.', schema: 'Health' },
    },
  },
  {
    method: 'get',
    path: '/api/health/live',
    tag: 'standing',
    summary: 'Whether the process answers, for orchestrators',
    access: 'open',
    answers: { 200: { words: 'It does.', schema: 'Live', example: { status: 'live' } } },
  },
  {
    method: 'get',
    path: '/api/health/ready',
    tag: 'standing',
    summary: 'Whether the database is there, for orchestrators',
    access: 'open',
    answers: {
      200: { words: 'It is.', schema: 'Ready', example: { status: 'ready' } },
      503: { words: 'It is not.', schema: 'Ready', example: { status: 'not ready' } },
    },
  },
  {
    method: 'get',
    path: '/api/metrics',
    tag: 'standing',
    summary: "The server's own figures, of the process that answers",
    access: 'read',
    answers: { 200: { words: 'The figures.', schema: 'Metrics' } },
  },
  {
    method: 'get',
    path: '/metrics',
    tag: 'standing',
    summary: 'The same and more for Prometheus, of all processes',
    access: 'read',
    answers: { 200: { words: "Prometheus' text format.", type: 'text/plain' } },
  },
  {
    method: 'post',
    path: '/api/client-errors',
    tag: 'standing',
    summary: 'Reports an error of a page',
    description: 'It is counted and written to the log. Of one address 20 a minute are taken.',
    access: 'read',
    body: { words: 'One error.', schema: clientError, many: 1, example: EXAMPLES.clientError },
    answers: { 204: { words: 'It was noted.' } },
    problems: [400, 403, 413, 415, 429],
  },
  {
    method: 'get',
    path: '/api/openapi.json',
    tag: 'documents',
    summary: 'This document',
    access: 'read',
    answers: { 200: { words: 'OpenAPI 3.1.', schema: 'Document' } },
  },
  {
    method: 'get',
    path: '/api/asyncapi.json',
    tag: 'documents',
    summary: 'The same of the live feed',
    access: 'read',
    answers: { 200: { words: 'AsyncAPI 3.0.', schema: 'Document' } },
  },
  {
    method: 'get',
    path: '/api/docs',
    tag: 'documents',
    summary: 'Both documents as a page to be read',
    access: 'read',
    answers: { 200: html('The page.') },
  },
  {
    method: 'get',
    path: '/api/docs.css',
    tag: 'documents',
    summary: 'The style of that page',
    access: 'read',
    answers: { 200: { words: 'The style.', type: 'text/css' } },
  },
  {
    method: 'get',
    path: '/',
    tag: 'pages',
    summary: 'The dashboard',
    access: 'read',
    answers: { 200: html('The page.'), 304: { words: 'The page as it was.' } },
  },
  {
    method: 'get',
    path: '/wall',
    tag: 'pages',
    summary: 'The dashboard for a screen that nobody touches',
    access: 'read',
    answers: { 200: html('The page.'), 304: { words: 'The page as it was.' } },
  },
  {
    method: 'get',
    path: '/feed',
    tag: 'pages',
    summary: 'The live feed, a WebSocket',
    description:
      'It is described by `/api/asyncapi.json`. It may be opened with a token in its address (`?token=`) too.',
    access: 'read',
    answers: { 101: { words: 'From here on WebSocket is spoken.' } },
  },
];
