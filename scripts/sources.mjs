/** Knows what goes into a build, where the result lies, and whether the result is still that of the sources. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout's or the installation's folder. */
export const ROOT = fileURLToPath(new URL('..', import.meta.url));
export const DIST = join(ROOT, 'dist');
/** The built program. */
export const PROGRAM = join(DIST, 'server', 'main.js');
/** Holds the hash of the sources that dist/ was built from. */
export const STAMP = join(DIST, 'stamp');

const SOURCE_FOLDERS = ['client', 'console', 'library', 'server', 'shared'];
const SOURCE_FILES = ['package-lock.json', 'tsconfig.json', 'vite.config.ts', 'scripts/trim-uplot.ts'];

/** Whether a build is possible here: an installed package brings neither the sources nor the builder. */
export function canBuild() {
  if (!SOURCE_FOLDERS.every((folder) => existsSync(join(ROOT, folder)))) return false;
  try {
    createRequire(import.meta.url).resolve('vite');
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND') return false;
    throw error;
  }
}

/** A hash of everything that goes into a build. By content: times of change say nothing after a `git checkout`. */
export function sourceHash() {
  const hash = createHash('sha256');
  const files = SOURCE_FOLDERS.flatMap((folder) => filesBelow(join(ROOT, folder)));
  for (const file of [...files.sort(), ...SOURCE_FILES.map((name) => join(ROOT, name))]) {
    if (!existsSync(file)) continue;
    hash.update(relative(ROOT, file)).update('\0').update(readFileSync(file)).update('\0');
  }
  return hash.digest('hex');
}

/** Whether dist/ holds the build of the sources that hash to `hash`. */
export function isBuilt(hash) {
  const parts = [PROGRAM, join(DIST, 'client', 'index.html'), join(DIST, 'library', 'client.js'), STAMP];
  return parts.every((path) => existsSync(path)) && readFileSync(STAMP, 'utf8') === hash;
}

function filesBelow(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}
