/**
 * Asks the registry for known faults of what the program is installed with. Ends with 1 where one is high or critical; where no
 * registry answers, says that it was skipped, which is no failure: a build does not depend on a network.
 */
import { spawn } from 'node:child_process';
import { ROOT } from './sources.mjs';

const SERIOUS = new Set(['high', 'critical']);
const ARGUMENTS = ['audit', '--omit=dev', '--json', '--fetch-retries=0', '--fetch-timeout=20000'];

const { faults, reason } = reportOf(await npm(ARGUMENTS));
if (faults === null) {
  process.stdout.write(`audit skipped: no registry answered (${reason})\n`);
} else {
  for (const { name, severity, title } of faults) process.stdout.write(`${severity}: ${name}: ${title}\n`);
  const serious = faults.filter(({ severity }) => SERIOUS.has(severity)).length;
  process.stdout.write(`audit: ${faults.length} known faults of dependencies, ${serious} of them high or critical\n`);
  process.exitCode = serious > 0 ? 1 : 0;
}

/** Runs npm and resolves to what it printed, or to why it could not be run. */
function npm(args) {
  return new Promise((resolve) => {
    const child = spawn('npm', args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'ignore'] });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk) => {
      text += chunk;
    });
    child.once('error', (error) => resolve(JSON.stringify({ message: error.message })));
    child.once('close', () => resolve(text));
  });
}

/** The faults of a report; null and a reason where it is none. */
function reportOf(text) {
  let report;
  try {
    report = JSON.parse(text);
  } catch {
    return { faults: null, reason: 'npm printed no report' };
  }
  if (report.vulnerabilities === undefined) {
    return { faults: null, reason: report.message ?? report.error?.summary ?? 'npm gave no reason' };
  }
  const faults = Object.values(report.vulnerabilities).map(({ name, severity, via }) => ({
    name,
    severity,
    title: via.map((cause) => (typeof cause === 'string' ? `by way of ${cause}` : cause.title)).join('; '),
  }));
  return { faults, reason: null };
}
