/**
 * Statements that the database parses and plans once a connection: the queries of history are large, and planning them takes
 * as long as running them for an hour of one line.
 */
import { createHash } from 'node:crypto';
import type { ClientBase } from 'pg';

/** SQL states of a prepared statement that is not there, or is there already: what a transaction pooler leads to. */
const UNPREPARED = new Set(['26000', '42P05']);

/** The names of statements, common to all connections that they are prepared on. */
export class Statements {
  #usable = true;
  readonly #names = new Map<string, string>();

  /** The name of a text; undefined where statements cannot be prepared. */
  nameOf(text: string): string | undefined {
    if (!this.#usable) return undefined;
    const name = this.#names.get(text) ?? `history ${createHash('sha256').update(text).digest('hex').slice(0, 20)}`;
    this.#names.set(text, name);
    return name;
  }

  /** Tells how a prepared statement failed: behind a transaction pooler another server process may not know it. */
  failed(code: string | undefined): void {
    if (UNPREPARED.has(code ?? '')) this.#usable = false;
  }
}

/** A client on which every query that reads cells is prepared. */
export class PreparingClient {
  readonly query: ClientBase['query'];
  readonly statements: Statements;

  constructor(client: Pick<ClientBase, 'query'>, statements: Statements) {
    this.query = client.query.bind(client);
    this.statements = statements;
  }
}
