/** A copy of the checkout for tests that change what is in it, by the words of a document. */
import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../../server/root.ts';

const run = promisify(execFile);

/** What a build and a migration need; the rest of the checkout stays where it is. */
const PARTS = [
  'client',
  'console',
  'library',
  'server',
  'shared',
  'sql',
  'scripts',
  'bin',
  'tsconfig.json',
  'vite.config.ts',
];
const MANIFESTS = ['package.json', 'package-lock.json'];

/** A fenced block of a document: its language, what else stands behind that, and its text. */
export interface Block {
  readonly language: string;
  readonly about: string;
  readonly text: string;
}

/** The fenced blocks of a document, in order. */
export async function blocksOf(document: string): Promise<readonly Block[]> {
  const text = await readFile(join(packageRoot(), document), 'utf8');
  return [...text.matchAll(/^```(\w+) ?(.*)\n([\s\S]*?)^```$/gm)].map(([, language = '', about = '', body = '']) => ({
    language,
    about,
    text: body,
  }));
}

/** A folder with the sources of the checkout. */
export class CheckoutCopy {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async make(folder: string): Promise<CheckoutCopy> {
    for (const part of [...PARTS, ...MANIFESTS])
      await cp(join(packageRoot(), part), join(folder, part), { recursive: true });
    await symlink(join(packageRoot(), 'node_modules'), join(folder, 'node_modules'));
    return new CheckoutCopy(folder);
  }

  /** Does what a block says: applies a diff, writes a file that it is about. */
  async apply({ language, about, text }: Block): Promise<void> {
    if (language === 'diff') {
      const patch = join(this.folder, 'block.diff');
      await writeFile(patch, text);
      await this.run(`git apply --whitespace=nowarn '${patch}' && rm '${patch}'`);
      return;
    }
    const path = join(this.folder, about);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }

  /** Runs a line in a shell. @returns its standard output; rejects with its standard error where it fails. */
  async run(line: string, env: Readonly<Record<string, string>> = {}): Promise<string> {
    // Where the copy lies within another repository, git would take that for the place of the patch.
    const surroundings = { ...process.env, GIT_CEILING_DIRECTORIES: dirname(this.folder), ...env };
    const { stdout } = await run('bash', ['-euc', line], {
      cwd: this.folder,
      env: surroundings,
      maxBuffer: 16 * 1024 * 1024,
    });
    return stdout;
  }
}
