/** Installs the packed program in a folder of its own, as somebody would who has no checkout. */
import { execFile } from 'node:child_process';
import { cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import * as z from 'zod';
import { packageRoot } from '../../server/root.ts';

const run = promisify(execFile);
const packed = z.tuple([
  z.object({ filename: z.string(), size: z.number(), files: z.array(z.object({ path: z.string() })) }),
]);
/** Codes with which npm says that there is no registry to ask. */
const NO_REGISTRY = /ENOTCACHED|EAI_AGAIN|ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH/;

/** What `npm pack` made. */
export interface Tarball {
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  readonly files: readonly string[];
}

/** Packs what is built, into a folder. */
export async function pack(folder: string): Promise<Tarball> {
  // Built already: to build it once more would pull dist/ away from under other tests.
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
  const { stdout } = await run('npm', args, { cwd: packageRoot(), maxBuffer: 16 * 1024 * 1024 });
  const [{ filename, size, files }] = packed.parse(JSON.parse(stdout));
  return { path: join(folder, filename), size, files: files.map(({ path }) => path) };
}

/**
 * Installs a tarball in an empty folder. Where no registry answers, what it depends on is taken from the checkout: what
 * `dependencies` names and those in their turn, and nothing else.
 *
 * @returns where the dependencies came from.
 */
export async function install(tarball: Tarball, folder: string): Promise<'registry' | 'checkout'> {
  await writeFile(join(folder, 'package.json'), '{"private":true}\n');
  try {
    await run('npm', ['install', '--prefer-offline', '--fetch-retries=0', '--no-audit', '--no-fund', tarball.path], {
      cwd: folder,
    });
    return 'registry';
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr) : '';
    if (!NO_REGISTRY.test(said)) throw error;
    await layOut(tarball, folder);
    return 'checkout';
  }
}

async function layOut(tarball: Tarball, folder: string): Promise<void> {
  const { stdout } = await run('npm', ['ls', '--omit=dev', '--all', '--parseable'], { cwd: packageRoot() });
  const [, ...paths] = stdout.trim().split('\n');
  for (const path of paths) await cp(path, join(folder, relative(packageRoot(), path)), { recursive: true });
  const own = join(folder, 'node_modules', 'alphapulse-dashboard');
  await mkdir(own, { recursive: true });
  await run('tar', ['-xzf', tarball.path, '-C', own, '--strip-components=1']);
  await mkdir(join(folder, 'node_modules', '.bin'), { recursive: true });
  const program = join('..', 'alphapulse-dashboard', 'bin', 'alphapulse-dashboard.mjs');
  await symlink(program, join(folder, 'node_modules', '.bin', 'alphapulse-dashboard'));
}
