/** What NOTIFY costs a writer at the worst: a queue that is full, and transactions that are prepared. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrate } from '../../server/db/migrate.ts';
import { type PrivateServer, startServer } from '../support/postgres.ts';

let server: PrivateServer;
let client: pg.Client;
let listener: pg.Client;

beforeAll(async () => {
  // The least queue that PostgreSQL allows: 64 pages of 8 kB.
  server = await startServer({ settings: { max_notify_queue_pages: '64', max_prepared_transactions: '2' } });
  client = new pg.Client(server.config);
  listener = new pg.Client(server.config);
  await Promise.all([client.connect(), listener.connect()]);
});
afterAll(async () => {
  await Promise.all([client.end(), listener.end()]);
  await server.dispose();
});

const INSERT = `insert into anomalies ("timestamp", symbol, data_type, value, z_score) values (now(), 'BTC/USDT', 'oi', 1, 4)`;

describe('a writer', () => {
  it('inserts while the notification queue is full, and is rung for again when it has room', async () => {
    await migrate({ connection: server.config, report: () => undefined });
    const heard: string[] = [];
    listener.on('notification', ({ payload }) => heard.push(payload ?? ''));
    await listener.query('listen alphapulse_dashboard');
    // A listener inside a transaction reads nothing, and nothing behind it can be thrown away.
    await listener.query('begin');
    const fill = async (): Promise<never> => {
      for (let i = 0; ; i += 1) await client.query(`select pg_notify('noise', $1 || repeat('x', 7000))`, [i]);
    };
    await expect(fill()).rejects.toMatchObject({ code: '54000' });
    const usage = await client.query('select pg_notification_queue_usage() as usage');
    expect(usage.rows[0]?.usage).toBeGreaterThan(0.5);

    for (let i = 0; i < 20; i += 1) await client.query(INSERT);
    expect((await client.query('select count(*)::integer as n from anomalies')).rows).toEqual([{ n: 20 }]);
    expect(heard).toEqual([]);

    await listener.query('commit');
    await expect
      .poll(async () => {
        await client.query(INSERT);
        return heard;
      })
      .toContain('anomalies');
  });

  it('can prepare its transactions without the doorbell', async () => {
    await migrate({ connection: server.config, doorbell: false, report: () => undefined });
    await client.query(`begin; ${INSERT}`);
    await client.query(`prepare transaction 'two'`);
    await client.query(`commit prepared 'two'`);
  });
});
