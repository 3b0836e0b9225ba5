/**
 * README.md and docs/operations.md, followed word for word: their commands on a copy of the checkout, and their SQL, lead
 * from nothing to a secured dashboard on a database that was there before, and out of it again without a trace.
 */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { commandsOf, type DocumentBlock, DocumentRun, type Outcome } from '../support/document-run.ts';
import { fieldSchema, type PrivateServer, startServer } from '../support/postgres.ts';
import { Trickle } from '../support/trickle.ts';

const PASSWORD = 'secret';
/** A block may start a server, make a demo market, or wait for a row. */
const PATIENCE_MS = 180_000;

/** The PostgreSQL of this machine that brings the tools of a backup, as Debian has them; null for the embedded one, which has none. */
async function withTools(): Promise<string | null> {
  const home = '/usr/lib/postgresql';
  const versions = existsSync(home) ? await readdir(home) : [];
  const folders = versions.sort((a, b) => Number(b) - Number(a)).map((version) => join(home, version, 'bin'));
  const programs = ['initdb', 'postgres', 'pg_dump', 'pg_restore', 'createdb'];
  return folders.find((folder) => programs.every((name) => existsSync(join(folder, name)))) ?? null;
}

const tools = await withTools();

/** A server with the pipeline's database, whose tables belong to `owner`, and somebody who writes rates into it. */
class Field {
  readonly server: PrivateServer;
  readonly #clients: pg.Client[] = [];
  #trickle: Trickle | undefined;

  private constructor(server: PrivateServer) {
    this.server = server;
  }

  static async make(owner: string): Promise<Field> {
    const binaries =
      tools === null ? {} : { binaries: { initdb: join(tools, 'initdb'), postgres: join(tools, 'postgres') } };
    const field = new Field(await startServer(binaries));
    const first = await field.connect('postgres');
    await first.query(`create role ${owner} login password '${PASSWORD}'`);
    await first.query('create database alphapulse');
    const admin = await field.connect();
    await admin.query(`grant create on schema public to ${owner}; grant create on database alphapulse to ${owner}`);
    const producer = await field.connectAs(owner);
    await fieldSchema(producer);
    await producer.query(
      `insert into funding_rates ("timestamp", symbol, exchange, funding_rate)
       select now() - i * interval '20 seconds', 'BTC/USDT', 'okx', 0.0001 from generate_series(1, 2000) i`,
    );
    field.#trickle = new Trickle(producer);
    return field;
  }

  /** The superuser. */
  async connect(database = 'alphapulse'): Promise<pg.Client> {
    return this.#open({ ...this.server.config, database });
  }

  async connectAs(user: string): Promise<pg.Client> {
    return this.#open({ ...this.server.config, database: 'alphapulse', user, password: PASSWORD });
  }

  async #open(config: pg.ClientConfig): Promise<pg.Client> {
    const client = new pg.Client(config);
    await client.connect();
    this.#clients.push(client);
    return client;
  }

  async end(): Promise<void> {
    await this.#trickle?.stop();
    await Promise.all(this.#clients.map((client) => client.end()));
    await this.server.dispose();
  }
}

/** What the catalogue has of the pipeline's three tables and around them, as text. */
async function catalogueOf(client: pg.Client): Promise<readonly string[]> {
  const { rows } = await client.query<{ line: string }>(
    `select 'column ' || attrelid::regclass || '.' || attname as line from pg_attribute
       where attrelid in (select oid from pg_class where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace)
         and attnum > 0 and not attisdropped
     union all select 'relation ' || relnamespace::regnamespace || '.' || relname from pg_class
       where relnamespace::regnamespace::text not in ('pg_catalog', 'pg_toast', 'information_schema')
     union all select 'function ' || oid::regprocedure from pg_proc where oid >= 16384
     union all select 'trigger ' || tgname from pg_trigger where not tgisinternal
     union all select 'schema ' || nspname from pg_namespace where nspname !~ '^pg_'
     union all select 'role ' || rolname from pg_roles where rolname !~ '^pg_'`,
  );
  return rows.map(({ line }) => line).sort();
}

async function healthOf(run: DocumentRun): Promise<string> {
  return (await fetch(`${run.url}/api/health`)).text();
}

/** What is expected of a block, by how it begins; the longest beginning counts. */
type Checks = Readonly<Record<string, (outcome: Outcome) => Promise<void>>>;

function checkOf(checks: Checks, { title }: DocumentBlock): (outcome: Outcome) => Promise<void> {
  const beginnings = Object.keys(checks).filter((beginning) => title.startsWith(beginning));
  const check = checks[beginnings.sort((a, b) => b.length - a.length)[0] ?? ''];
  if (check === undefined) throw new Error(`nothing is expected of: ${title}`);
  return check;
}

/** The blocks that are run. */
const runnable = (blocks: readonly DocumentBlock[]): readonly DocumentBlock[] =>
  blocks.filter(({ note }) => !note.startsWith('not run: '));

describe.each(['README.md', 'docs/operations.md'])('%s', (document) => {
  it('has commands, and a reason where they are not run', async () => {
    const blocks = await commandsOf(document);
    expect(runnable(blocks).length).toBeGreaterThan(2);
    const notes = blocks.flatMap(({ note }) => note || []);
    expect(notes.filter((note) => !/^(not run: .{10}|needs pg_dump$|run with the server stopped$)/.test(note))).toEqual(
      [],
    );
  });
});

describe('README.md', async () => {
  const blocks = runnable(await commandsOf('README.md'));
  let field: Field;
  let run: DocumentRun;

  beforeAll(async () => {
    field = await Field.make('dashboard');
    run = await DocumentRun.begin({ databasePort: field.server.config.port, password: PASSWORD });
  }, PATIENCE_MS);
  afterAll(async () => {
    await run?.end();
    await field?.end();
  });

  const CHECKS: Checks = {
    async 'npm ci && npm start'() {
      expect(await (await fetch(run.url)).text()).toContain('<html');
      await vi.waitFor(async () => {
        const { symbols } = JSON.parse(await (await fetch(`${run.url}/api/symbols`)).text());
        expect(symbols).toContain('BTC/USDT');
      }, 60_000);
    },
    async 'export DB_HOST'({ stdout }) {
      expect(stdout).toMatch(/^alter table .*funding_rates/im);
      await vi.waitFor(async () => expect(await healthOf(run)).toMatch(/"status":"healthy"/), 30_000);
    },
    async curl({ stdout }) {
      expect(JSON.parse(stdout)).toMatchObject({ symbol: 'BTC/USDT', hours: 24 });
      const csv = await readFile(join(run.folder, 'rates.csv'), 'utf8');
      expect(csv.split('\r\n').length).toBeGreaterThan(2000);
    },
  };

  for (const block of blocks)
    it(
      block.title,
      async () => {
        await checkOf(CHECKS, block)(await run.run(block));
      },
      PATIENCE_MS,
    );
});

describe('docs/operations.md', async () => {
  const blocks = runnable(await commandsOf('docs/operations.md'));
  let field: Field;
  let admin: pg.Client;
  let run: DocumentRun;
  let before: readonly string[];

  beforeAll(async () => {
    field = await Field.make('alphapulse');
    admin = await field.connect();
    before = await catalogueOf(admin);
    const { port, user, password } = field.server.config;
    const path = tools === null ? {} : { PATH: `${tools}:${process.env.PATH}` };
    const env = { PGPORT: `${port}`, PGUSER: user, PGPASSWORD: password, ...path };
    run = await DocumentRun.begin({ databasePort: port, password: PASSWORD, env });
  }, PATIENCE_MS);
  afterAll(async () => {
    await run?.end();
    await field?.end();
  });

  /** Runs SQL as the role that its first line names. */
  async function runSql(text: string): Promise<void> {
    const [, role = ''] = /^-- as (an administrator|\w+)/.exec(text) ?? [];
    if (role === '') throw new Error('a block of SQL does not say who runs it');
    const client = role === 'an administrator' ? admin : await field.connectAs(role);
    await client.query(run.adapted(text));
    if (client !== admin) await client.end();
  }

  /** What is expected of blocks by how they begin; of SQL, that it runs. */
  const CHECKS: Checks = {
    async 'npm run doctor'({ stdout }) {
      expect(stdout).toMatch(/^ok /m);
    },
    async 'npm ci'({ stdout }) {
      expect(stdout).toMatch(/create .*alphapulse_dashboard/i);
      const { rows } = await admin.query(`select from pg_trigger where tgname = 'alphapulse_dashboard_doorbell'`);
      expect(rows).toHaveLength(5);
    },
    async 'export DB_HOST'({ stdout }) {
      expect(stdout).not.toMatch(/^fail /m);
      await vi.waitFor(async () => expect(await healthOf(run)).toMatch(/"status":"healthy"/), 30_000);
      // Only the hash of the secret is in the file that the server reads.
      expect(await readFile(join(run.folder, 'view-tokens'), 'utf8')).toMatch(/^desk:sha256:[0-9a-f]{64}\n$/);
      expect(run.serverLog).not.toMatch(/secret: /);
    },
    async 'curl -f'({ stdout }) {
      expect(stdout).toMatch(/"status":401/);
      expect(stdout).toMatch(/"streams":\[.*"funding_rates"/);
      expect(stdout.match(/\{"stream":"funding_rates","key":"BTC\/USDT","id":\d+/g)).toHaveLength(1);
      expect(existsSync(join(run.folder, 'desk.txt'))).toBe(false);
    },
    async 'npm run -s token'({ stdout }) {
      expect(stdout).toMatch(/^line: +desk:sha256:[0-9a-f]{64}$/m);
    },
    async 'DB_USER=dashboard_migrate DB_PASSWORD=... npm run -s migrate -- --dry-run'({ stdout }) {
      expect(stdout).not.toMatch(/^(create|alter|drop) /im);
    },
    async pg_dump({ stdout }) {
      expect(stdout).toMatch(/in the database alphapulse_restored[\s\S]*^ok +funding_rates: the table/m);
      expect(stdout).not.toMatch(/^fail /m);
      expect(Number(/^ +(\d+)$/m.exec(stdout)?.[1])).toBeGreaterThanOrEqual(2000);
    },
    async 'DB_USER=dashboard_migrate DB_PASSWORD=... npm run -s migrate -- --remove'() {
      const { rows } = await admin.query(`select from pg_namespace where nspname = 'alphapulse_dashboard'`);
      expect(rows).toEqual([]);
    },
  };

  for (const block of blocks) {
    const needsTools = block.note === 'needs pg_dump';
    it.skipIf(needsTools && tools === null)(
      block.title + (needsTools ? ' (needs a PostgreSQL with pg_dump)' : ''),
      async () => {
        if (block.note === 'run with the server stopped') await run.stopServer();
        if (block.language === 'sql') await runSql(block.text);
        else await checkOf(CHECKS, block)(await run.run(block));
      },
      PATIENCE_MS,
    );
  }

  it('leaves nothing behind but the tables that it made, with their rows, in the hands of the pipeline', async () => {
    const made = /\b(anomalies|system_metrics)|dashboard_(anomalies|system_metrics)_/;
    const after = await catalogueOf(admin);
    expect(after.filter((line) => !made.test(line))).toEqual(before);
    const { rows } = await admin.query(
      `select distinct pg_get_userbyid(relowner) as owner from pg_class where relname in ('anomalies', 'system_metrics')`,
    );
    expect(rows).toEqual([{ owner: 'alphapulse' }]);
  });
});
