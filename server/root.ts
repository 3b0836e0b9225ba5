/**
 * Finds the folder that the program was installed or checked out to: what is read at run time (the SQL files, the built
 * client) lies there, and the code that asks may run from `server/` or, built, from `dist/server/`.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';
import { CodedError, messageOf } from './errors.ts';

const PACKAGE_NAME = 'alphapulse-dashboard';
const manifestSchema = z.object({ name: z.string(), version: z.string() });

interface Package {
  readonly root: string;
  readonly version: string;
}

let found: Package | undefined;

/**
 * The absolute path of the folder that holds this package's `package.json`.
 *
 * @throws CodedError `package_root` when no folder above this file is the package's.
 */
export function packageRoot(): string {
  return findPackage().root;
}

/** The version in `package.json`. Throws as `packageRoot` does. */
export function packageVersion(): string {
  return findPackage().version;
}

function findPackage(): Package {
  if (found !== undefined) return found;
  const start = dirname(fileURLToPath(import.meta.url));
  for (let folder = start; ; folder = dirname(folder)) {
    const manifest = readManifest(join(folder, 'package.json'));
    // Other manifests on the way up are passed by: a bundler may leave one of its own in dist/.
    if (manifest?.name === PACKAGE_NAME) {
      found = { root: folder, version: manifest.version };
      return found;
    }
    if (dirname(folder) === folder) break;
  }
  throw new CodedError('package_root', `No folder above ${start} holds the package.json of ${PACKAGE_NAME}`, {
    value: start,
    mend: 'Run the program from its checkout or from an installation by npm.',
  });
}

function readManifest(path: string): z.infer<typeof manifestSchema> | undefined {
  if (!existsSync(path)) return undefined;
  try {
    const parsed = manifestSchema.safeParse(JSON.parse(readFileSync(path, 'utf8')));
    return parsed.success ? parsed.data : undefined;
  } catch (error) {
    throw new CodedError('package_root', `${path} cannot be read: ${messageOf(error)}`, {
      value: path,
      mend: 'Install the program again.',
      cause: error,
    });
  }
}
