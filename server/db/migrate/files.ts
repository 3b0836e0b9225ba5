/** Reads the SQL of the migrations: numbered files, some of which are cut into titled steps, with psql's variables in them. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { CodedError } from '../../errors.ts';

/** A file of sql/. */
export interface SqlFile {
  readonly name: string;
  /** SHA-256 of the text, in hex. */
  readonly checksum: string;
  readonly text: string;
  /** Title -> SQL; empty for a file that is applied whole. */
  readonly steps: ReadonlyMap<string, string>;
}

/** Values of the variables in a step: `:"name"` becomes an identifier, `:'name'` a literal, as in psql. */
export type Variables = Readonly<Record<string, string>>;

/** All files of sql/, by name, in the order of their numbers. */
export type SqlFiles = ReadonlyMap<string, SqlFile>;

/**
 * Reads the SQL files of a folder.
 *
 * @throws CodedError `sql_missing` when the folder cannot be read or is empty: the installation is not whole.
 */
export function readSqlFiles(folder: string): SqlFiles {
  let names: string[];
  try {
    names = readdirSync(folder).filter((name) => /^\d{3}-[\w-]+\.sql$/.test(name));
  } catch (error) {
    throw missing(folder, error);
  }
  if (names.length === 0) throw missing(folder);
  return new Map(names.sort().map((name) => [name, parseFile(name, readFileSync(join(folder, name), 'utf8'))]));
}

function missing(folder: string, cause?: unknown): CodedError {
  return new CodedError('sql_missing', `The migrations are not in ${folder}`, {
    value: folder,
    mend: 'Install the program again.',
    cause,
  });
}

/** Cuts a file at its `-- step: title` lines. */
export function parseFile(name: string, text: string): SqlFile {
  const steps = new Map<string, string>();
  const [, ...parts] = text.split(/^-- step: /m);
  for (const part of parts) {
    const end = part.indexOf('\n');
    steps.set(part.slice(0, end).trim(), part.slice(end + 1).trim());
  }
  return { name, checksum: createHash('sha256').update(text).digest('hex'), text, steps };
}

/** The SQL of a step, with its variables filled in. */
export function stepSql(files: SqlFiles, file: string, title: string, variables: Variables = {}): string {
  const sql = fileOf(files, file).steps.get(title);
  if (sql === undefined) throw new Error(`sql/${file} has no step "${title}"`);
  return sql.replace(/:(["'])(\w+)\1/g, (whole, quote: string, name: string) => {
    const value = variables[name];
    if (value === undefined) throw new Error(`sql/${file}, step "${title}": no value for ${whole}`);
    return quote === '"' ? pg.escapeIdentifier(value) : pg.escapeLiteral(value);
  });
}

/** A file by its name. */
export function fileOf(files: SqlFiles, name: string): SqlFile {
  const file = files.get(name);
  if (file === undefined) throw missing(`sql/${name}`);
  return file;
}
