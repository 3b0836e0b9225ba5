/** The doctor's program as people use it: run it, read what it found, and do what its mends say, as they are copied. */
import type pg from 'pg';
import { expect } from 'vitest';
import * as z from 'zod';
import { CODES } from '../../server/doctor/codes.ts';
import { runProgram } from './program.ts';

const findingSchema = z.object({
  level: z.enum(['ok', 'warn', 'fail']),
  about: z.string(),
  code: z.string(),
  what: z.string(),
  mend: z.string().nullable(),
});
const documentSchema = z.object({ healthy: z.boolean(), findings: z.array(findingSchema) });

/** One finding as `--json` has it. */
export type Found = z.infer<typeof findingSchema>;

/** What one run of the program said. */
export interface Examination {
  readonly findings: readonly Found[];
  readonly code: number | string;
}

type Environment = Readonly<Record<string, string>>;

/**
 * Runs `doctor --json`. Fails where its exit code is not that of its findings: 1 where anything failed, which is where a
 * stream cannot work or packs are wrong, else 0.
 */
export async function examine(env: Environment, flags: readonly string[] = []): Promise<Examination> {
  const { code, stdout, stderr } = await runProgram(['doctor', '--json', ...flags], env);
  if (stdout === '') throw new Error(`doctor printed nothing and ended with ${code}: ${stderr}`);
  const { healthy, findings } = documentSchema.parse(JSON.parse(stdout));
  expect(code, 'exit code').toBe(findings.some(({ level }) => level === 'fail') ? 1 : 0);
  expect(healthy).toBe(code === 0);
  for (const finding of findings) expectKnown(finding);
  return { findings, code };
}

/** Fails where a finding is not as docs/doctor.md has it. */
function expectKnown({ code, level }: Found): void {
  const meaning = CODES.get(code);
  // Of a connection that only listens nothing is worse than a warning.
  const levels = meaning?.levels ?? (CODES.has(code.replace(/^listen_/, '')) ? 'warn' : '');
  expect(levels.split(' '), `levels of ${code}`).toContain(level);
}

/** What is not right, as `level about code`, in order and each once. */
export function faultsOf({ findings }: Examination): readonly string[] {
  const faults = findings.filter(({ level }) => level !== 'ok');
  return [...new Set(faults.map(({ level, about, code }) => `${level} ${about} ${code}`))];
}

/** The statements and commands of a mend, in order: what stands before a colon is words, what may be done instead is left out. */
export function commandsOf(mend: string): readonly string[] {
  const [first = ''] = mend.split(/; or |, or: /);
  return first
    .split(/, then: |; then: |(?<=[a-z)]): /)
    .map((part) => part.replace(/^[^:]*?: (?=select |update )/, '').trim())
    .filter((part) => /^(alter|grant|update|select|rollback|commit|reindex|npm|psql|createdb|export) /.test(part));
}

/** Does what a mend says: SQL on `client`, the program's own commands with `env`. Fails where a mend has nothing to do. */
export async function follow(mend: string, client: pg.Client, env: Environment): Promise<void> {
  const commands = commandsOf(mend);
  if (commands.length === 0) throw new Error(`nothing can be copied from the mend: ${mend}`);
  for (const command of commands) {
    const program = /^npm run (?<rest>.+)$/.exec(command)?.groups?.rest;
    if (program !== undefined) {
      const args = program.split(' ').filter((word) => word !== '--');
      const { code, stderr } = await runProgram(args, env);
      expect(code, `${command}: ${stderr}`).toBe(0);
    } else {
      await client.query(/^psql -c "(?<sql>.*)"$/.exec(command)?.groups?.sql ?? command);
    }
  }
}
