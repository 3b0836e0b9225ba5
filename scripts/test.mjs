/**
 * `npm test`: type check, lint with the import rules, build, then all tests (or those that the arguments name, as vitest
 * takes them). Goes on after a failure, so that one run shows them all; the last line counts.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureBuilt } from './ensure-built.mjs';
import { ROOT } from './sources.mjs';

const scratch = mkdtempSync(join(tmpdir(), 'alphapulse-test-'));
const report = join(scratch, 'report.json');
const checks = [
  ['type check', () => run('tsc', ['--noEmit'])],
  ['lint and import rules', () => run('biome', ['check', '.'])],
  // The browser and the command line tests run what was built.
  ['build', ensureBuilt],
];

try {
  const failedChecks = [];
  for (const [name, check] of checks) {
    process.stdout.write(`${name}\n`);
    if (!(await check())) failedChecks.push(name);
  }
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const vitestPassed = await run('vitest', ['run', ...reporters, ...process.argv.slice(2)]);
  const { passed, failed, skipped } = count();
  // A run that failed without a failed test (an error outside of any, a coverage of nothing) is one failure too.
  const failures = failedChecks.length + (vitestPassed ? failed : Math.max(failed, 1));
  for (const name of failedChecks) process.stdout.write(`FAILED: ${name}\n`);
  process.stdout.write(`${passed} passed, ${failures} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
  process.exitCode = failures > 0 || passed === 0 ? 1 : 0;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

/** Runs a program of the project's dependencies; resolves to whether it succeeded. */
function run(name, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(join(ROOT, 'node_modules', '.bin', name), args, {
      cwd: ROOT,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    child.once('error', reject);
    child.once('exit', (code) => resolve(code === 0));
  });
}

/** Counts vitest's report. A file that broke before any of its tests ran counts as one failure. */
function count() {
  let results;
  try {
    results = JSON.parse(readFileSync(report, 'utf8'));
  } catch (error) {
    process.stdout.write(`vitest left no report: ${error.message}\n`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const broken = results.testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
  );
  return {
    passed: results.numPassedTests,
    failed: results.numFailedTests + broken.length,
    skipped: results.numPendingTests + results.numTodoTests,
  };
}
