/**
 * Follows a document as its reader does: the commands of its blocks, in order, in a copy of the checkout, with what one
 * exports there for the next. Names of hosts, passwords and ports are the test's.
 */
import { execFile } from 'node:child_process';
import { chmod, cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../../server/root.ts';
import { CheckoutCopy } from './checkout-copy.ts';
import { freePort } from './free-port.ts';
import { type Program, startCommand, stopProgram } from './program.ts';

const execute = promisify(execFile);

/** A block of commands or of SQL, with the comment that stands before it. */
export interface DocumentBlock {
  readonly language: 'sh' | 'sql';
  /** What the document says to tests: `not run: why`, `needs pg_dump`, `run with the server stopped`; empty for nothing. */
  readonly note: string;
  readonly text: string;
  /** Its first line that does something. */
  readonly title: string;
}

const titleOf = (text: string): string => text.split('\n').find((line) => !line.startsWith('--')) ?? '';

/** The blocks of a document, those among them that are not run. */
export async function commandsOf(document: string): Promise<readonly DocumentBlock[]> {
  const page = await readFile(join(packageRoot(), document), 'utf8');
  return [...page.matchAll(/(?:^<!-- (.+) -->\n)?^```(sh|sql)\n([\s\S]*?)^```$/gm)].map(
    ([, note = '', language, text = '']) => ({
      language: language === 'sql' ? 'sql' : 'sh',
      note,
      text,
      title: titleOf(text),
    }),
  );
}

/** What the documents call things, and what they are in the test. */
export interface Surroundings {
  /** The database server in place of `db.example.com`. */
  readonly databasePort: number;
  /** In place of `...`. */
  readonly password: string;
  /** Besides, as an administrator's own environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** What a block printed. */
export interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
}

/** Installing was done before: the copy has the dependencies of the checkout. */
const PRELUDE = 'npm() { if [ "$1" = ci ]; then return 0; fi; command npm "$@"; }';
/** A line that serves, and does not end. */
const SERVES = /\bnpm start\b/;

export class DocumentRun {
  readonly folder: string;
  /** The port in place of 8050. */
  readonly port: number;
  readonly #surroundings: Surroundings;
  #server: Program | undefined;

  private constructor(folder: string, port: number, surroundings: Surroundings) {
    this.folder = folder;
    this.port = port;
    this.#surroundings = surroundings;
  }

  /** Makes the copy. It brings what the checkout has built, which the program would build again where it is stale. */
  static async begin(surroundings: Surroundings): Promise<DocumentRun> {
    const folder = await mkdtemp(join(tmpdir(), 'alphapulse-documents-'));
    // The embedded database may run as another user, who has to pass.
    await chmod(folder, 0o755);
    await CheckoutCopy.make(folder);
    await cp(join(packageRoot(), 'dist'), join(folder, 'dist'), { recursive: true });
    const run = new DocumentRun(folder, await freePort(), surroundings);
    await writeFile(run.#exports, `export DASHBOARD_PORT=${run.port}\n`, { mode: 0o600 });
    return run;
  }

  /** `http://127.0.0.1:<port>` */
  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get #exports(): string {
    return join(this.folder, '.exports');
  }

  /** A block with the names of this test. */
  adapted(text: string): string {
    const { databasePort, password } = this.#surroundings;
    return text
      .replaceAll('DB_HOST=db.example.com', `DB_HOST=127.0.0.1 DB_PORT=${databasePort}`)
      .replaceAll('db.example.com', '127.0.0.1')
      .replaceAll('DB_PASSWORD=...', `DB_PASSWORD=${password}`)
      .replaceAll("'...'", `'${password}'`)
      .replaceAll(':8050', `:${this.port}`);
  }

  /**
   * Runs a block of commands. A line that serves is waited for until it is ready, and goes on until the next such line or
   * `stopServer`. Rejects with all that was printed where a command fails.
   */
  async run({ text }: DocumentBlock): Promise<Outcome> {
    const lines = this.adapted(text).trimEnd().split('\n');
    const serving = lines.findIndex((line) => SERVES.test(line));
    const before = lines.slice(0, serving < 0 ? lines.length : serving).join('\n');
    const outcome = await this.#shell(before);
    if (serving < 0) return outcome;
    const after = lines.slice(serving + 1).join('\n');
    if (after.trim() !== '') throw new Error(`nothing can stand behind a line that serves: ${after}`);
    await this.stopServer();
    const script = `${PRELUDE}\n. ${this.#exports}\nset -euo pipefail\n${lines[serving]}`;
    this.#server = startCommand('bash', ['-c', script], this.folder, this.#env());
    await this.#server.ready();
    return { stdout: outcome.stdout + this.#server.stdout, stderr: outcome.stderr + this.#server.stderr };
  }

  /** What the server that runs has said so far. */
  get serverLog(): string {
    return this.#server?.stderr ?? '';
  }

  async stopServer(): Promise<void> {
    // As a terminal does: npm and the shell stand before the program.
    this.#server?.signalGroup('SIGTERM');
    await stopProgram(this.#server);
    this.#server = undefined;
  }

  async end(): Promise<void> {
    await this.stopServer();
    await rm(this.folder, { recursive: true, force: true });
  }

  #env(): Record<string, string> {
    const { PATH = '', HOME = '' } = process.env;
    return { PATH, HOME, ...this.#surroundings.env };
  }

  async #shell(text: string): Promise<Outcome> {
    const script = `${PRELUDE}\n. ${this.#exports}\nset -euo pipefail\n${text}\nexport -p > ${this.#exports}`;
    try {
      return await execute('bash', ['-c', script], {
        cwd: this.folder,
        env: this.#env(),
        maxBuffer: 64 * 1024 * 1024,
      });
    } catch (error) {
      const said = ['stdout', 'stderr'].map((name) => (error instanceof Error ? Reflect.get(error, name) : ''));
      throw new Error(`this failed:\n${text}\n${said.join('\n').slice(-4000)}`, { cause: error });
    }
  }
}
