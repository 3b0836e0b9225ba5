/** Brings dist/ up to date where that is possible and needed. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { canBuild, isBuilt, PROGRAM, sourceHash } from './sources.mjs';

/**
 * Builds what is missing or stale. The build runs in a process of its own, so that none of its memory stays with a server
 * that is started afterwards.
 *
 * @returns whether there is a program to run; where not, the reason stands on standard error.
 */
export async function ensureBuilt() {
  if (!canBuild()) {
    if (existsSync(PROGRAM)) return true;
    process.stderr.write('dist/ is not built, and what builds it is not installed. Run: npm ci --include=dev\n');
    return false;
  }
  if (isBuilt(sourceHash())) return true;
  process.stderr.write('building...\n');
  const builder = spawn(process.execPath, [fileURLToPath(new URL('build.mjs', import.meta.url))], {
    // Standard output belongs to the command that runs next.
    stdio: ['ignore', process.stderr, process.stderr],
  });
  const stop = () => builder.kill();
  process.once('SIGTERM', stop).once('SIGINT', stop);
  const built = await new Promise((resolve, reject) => {
    builder.once('error', reject);
    builder.once('exit', (code) => resolve(code === 0));
  });
  process.off('SIGTERM', stop).off('SIGINT', stop);
  if (!built) process.stderr.write('The build failed.\n');
  return built;
}
