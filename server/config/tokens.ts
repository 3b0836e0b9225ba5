/** Tokens as they are configured: in a variable or in a file, with the secret itself or with its hash. */
import * as z from 'zod';
import { CodedError } from '../errors.ts';

/** A holder's name, and the secret that it shows or that secret's SHA-256 in hexadecimal digits. */
export type Token =
  | { readonly name: string; readonly secret: string }
  | { readonly name: string; readonly sha256: string };

/** The tokens that count, by what they allow. */
export interface TokenSet {
  readonly viewTokens: readonly Token[];
  readonly writeTokens: readonly Token[];
  /** Of screens that nobody signs in to: they read, and their cookies are renewed while they are in use. */
  readonly displayTokens?: readonly Token[];
}

/** What tokens allow, by the member that lists them. */
export type TokenKind = keyof TokenSet;

/** A file that adds tokens to those of the variables, and is read again whenever it changes. */
export interface TokenFile {
  readonly kind: TokenKind;
  readonly path: string;
}

/** A secret that is shorter could be guessed. */
export const SHORTEST_SECRET = 16;
const HASHED = 'sha256:';

const NAME = /^[\w.-]+$/;

/** Whether a holder can have this name. */
export function isHolderName(name: string): boolean {
  return NAME.test(name);
}

/** One token as `name:secret` or `name:sha256:HEX`. A secret may hold colons, and neither commas nor spaces. */
export const token: z.ZodType<Token, string> = z
  .string()
  .regex(/^[\w.-]+:[^\s,]+$/)
  .transform((entry): Token => {
    const colon = entry.indexOf(':');
    const name = entry.slice(0, colon);
    const secret = entry.slice(colon + 1);
    return secret.startsWith(HASHED) ? { name, sha256: secret.slice(HASHED.length).toLowerCase() } : { name, secret };
  })
  // A hash that was cut short would otherwise be taken for a secret.
  .refine((read) => !('sha256' in read) || /^[\da-f]{64}$/.test(read.sha256));

/** Whether every name comes once. */
export function hasUniqueNames(tokens: readonly Token[]): boolean {
  return new Set(tokens.map(({ name }) => name)).size === tokens.length;
}

/** What is accepted on a line of a file. */
const LINE = 'name:secret or name:sha256:HEX (64 hexadecimal digits), without spaces and commas; # begins a comment';

/** Thrown when a file of tokens cannot be used. Its message names lines, and shows nothing of them. */
export class TokenFileError extends CodedError {
  constructor(path: string, faults: readonly string[], cause?: unknown) {
    super('token_file', faults.join('; '), {
      value: path,
      mend: 'Correct the file; it is read again by itself.',
      cause,
    });
    this.name = 'TokenFileError';
  }
}

/**
 * Reads the text of a file of tokens: one a line, empty lines and lines that begin with `#` aside.
 *
 * @param path is named in errors.
 * @throws TokenFileError with every line that is no token, and every name that comes twice.
 */
export function parseTokenFile(path: string, text: string): readonly Token[] {
  const faults: string[] = [];
  const found = new Map<string, Token>();
  for (const [index, line] of text.split('\n').entries()) {
    const entry = line.replace(/^\uFEFF/, '').trim();
    if (entry === '' || entry.startsWith('#')) continue;
    const read = token.safeParse(entry);
    if (!read.success) faults.push(`line ${index + 1} is no token; accepted is ${LINE}`);
    else if (found.has(read.data.name)) {
      faults.push(
        `line ${index + 1} has the name ${JSON.stringify(read.data.name)}, which comes before; give each once`,
      );
    } else found.set(read.data.name, read.data);
  }
  if (faults.length > 0) throw new TokenFileError(path, faults);
  return [...found.values()];
}

/**
 * The tokens of the variables and of the files together.
 *
 * @param read resolves a path to the text of the file.
 * @throws TokenFileError where a file cannot be read or used, or has a name that a variable has too.
 */
export function withTokenFiles(fixed: TokenSet, files: readonly TokenFile[], read: (path: string) => string): TokenSet {
  const all: Record<TokenKind, readonly Token[]> = { displayTokens: [], ...fixed };
  for (const { kind, path } of files) {
    const tokens = parseTokenFile(path, readText(path, read));
    const together = [...all[kind], ...tokens];
    if (!hasUniqueNames(together))
      throw new TokenFileError(path, ['it has a name that the variable beside it has too']);
    all[kind] = together;
  }
  return all;
}

function readText(path: string, read: (path: string) => string): string {
  try {
    return read(path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason';
    throw new TokenFileError(path, [`it cannot be read (${code})`], error);
  }
}
