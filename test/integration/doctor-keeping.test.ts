/** Doctor's program on what the dashboard keeps: packs made wrong, rollups left behind, and the disk of the embedded database. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { STREAMS } from '../../shared/streams.ts';
import { examine, faultsOf, follow } from '../support/doctor.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { startProgram, stopProgram } from '../support/program.ts';
import { settled } from '../support/rollups.ts';

let database: TestDatabase;
let client: pg.Client;
let env: Readonly<Record<string, string>>;

beforeAll(async () => {
  database = await freshDatabase({ migrated: true });
  client = await database.connect();
  env = { DATABASE_URL: database.url, DB_SSLMODE: 'disable' };
  await client.query(
    `insert into system_metrics ("timestamp", metric_name, metric_value)
     select date_trunc('hour', now()) - interval '3 hours' + row * interval '30 s', 'cpu', row from generate_series(0, 119) row`,
  );
});
afterAll(async () => {
  await database?.drop();
});

const mendOf = (found: Awaited<ReturnType<typeof examine>>, code: string): string =>
  found.findings.find((finding) => finding.code === code && finding.level !== 'ok')?.mend ?? '';

it('packs that are not what the rows give end --verify with 1, and its mend takes them out', async () => {
  await settled(client, STREAMS.system_metrics);
  expect(faultsOf(await examine(env, ['--verify']))).not.toContain('fail rollups verified');
  // Rows change and no trigger sees it, as in a replica's session.
  await client.query(`set session_replication_role = replica; update system_metrics set metric_value = 7 where metric_value = 60;
    set session_replication_role = origin`);
  expect((await examine(env)).code).toBe(0);
  const found = await examine(env, ['--verify']);
  expect(faultsOf(found)).toEqual(expect.arrayContaining(['fail rollups verified', 'fail rollups pack_differs']));
  expect(found.findings.find(({ code }) => code === 'pack_differs')?.what).toMatch(
    /the pack of system_metrics cpu, .*first difference/,
  );
  expect(mendOf(found, 'pack_differs')).toBe('npm run doctor -- --verify --mend');
  await follow(mendOf(found, 'pack_differs'), client, env);
  expect((await examine(env, ['--verify'])).code).toBe(0);
});

it('rollups that nobody brought up to date are told, and a server that runs makes it good', async () => {
  await settled(client, STREAMS.system_metrics);
  await client.query(`update alphapulse_dashboard.rollup_state set updated_at = now() - interval '5 minutes'`);
  await client.query(`insert into system_metrics ("timestamp", metric_name, metric_value) values (now(), 'cpu', 1)`);
  const found = await examine(env);
  expect(faultsOf(found)).toEqual(
    expect.arrayContaining(['warn rollups rollups_behind', 'warn rollups rollups_unkept']),
  );
  expect(mendOf(found, 'rollups_behind')).toBe('npm start');
  const program = startProgram(['serve', '--port', '0'], env);
  try {
    await program.ready();
    const rollupsOf = async (): Promise<readonly string[]> =>
      faultsOf(await examine(env)).filter((fault) => fault.includes(' rollups '));
    await expect.poll(rollupsOf, { timeout: 40_000 }).toEqual([]);
  } finally {
    await stopProgram(program);
  }
});

it('the embedded database is examined while it runs, and the room on its disk is told', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'alphapulse-doctor-'));
  // The account that the server runs as has to pass.
  await chmod(folder, 0o755);
  const embedded = { DASHBOARD_DATA_DIR: join(folder, 'data') };
  const program = startProgram(['serve', '--port', '0', '--no-demo'], embedded);
  try {
    await program.ready();
    const { findings } = await examine(embedded);
    for (const code of ['connected', 'size', 'disk', 'listen', 'doorbell_rings'])
      expect(findings.map((finding) => finding.code)).toContain(code);
    expect(findings.find(({ code }) => code === 'disk')?.what).toContain(embedded.DASHBOARD_DATA_DIR);
  } finally {
    await stopProgram(program);
    await rm(folder, { recursive: true, force: true });
  }
});
