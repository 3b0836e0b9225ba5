/** How a benchmark states its figures: with the command, the date and the machine, so that anybody can hold them against their own. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { packageRoot } from '../../server/root.ts';

/** Processes that wanted to run when the benchmark began, over the last minute: others that were at work falsify what is measured. */
const [loadBefore = Number.NaN] = loadavg();

/** The value below which the fraction `q` of the sorted values lies (nearest rank). */
export function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))] ?? Number.NaN;
}

/** A Markdown table. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Prints a report and keeps it as `bench/results/<name>.md`. */
export function publish(name: string, title: string, command: string, body: string): void {
  const [cpu] = cpus();
  const machine = `${cpus().length} x ${cpu?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`;
  const date = new Date().toISOString().slice(0, 10);
  const load = `Load before the run: ${loadBefore.toFixed(1)}.`;
  const text = `# ${title}\n\nCommand: \`${command}\`. Date: ${date}. Machine: ${machine}. ${load}\n\n${body}\n`;
  const file = join(packageRoot(), 'bench', 'results', `${name}.md`);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  console.log(text);
}
