/** The doorbell by itself, in every state that it can be probed and stopped in. */
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DOORBELL_CHANNEL, Doorbell, type DoorbellFault, type ProbeOutcome } from '../../server/db/doorbell.ts';
import { freshDatabase, type TestDatabase } from '../support/postgres.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';

let database: TestDatabase;
let proxy: TcpProxy;
let pool: pg.Pool;
let doorbell: Doorbell;
let rings: string[];
let probes: ProbeOutcome[];
let changes: (DoorbellFault | null)[];

beforeAll(async () => {
  database = await freshDatabase();
});
afterAll(async () => {
  await database?.drop();
});
beforeEach(async () => {
  proxy = await TcpProxy.start(database.config);
  pool = new pg.Pool({ ...database.config, max: 1, connectionTimeoutMillis: 1000 });
  rings = [];
  probes = [];
  changes = [];
  doorbell = make(pool);
});
afterEach(async () => {
  await doorbell.stop();
  await proxy.stop();
  await pool.end();
});

/** A doorbell that listens through the proxy and sends its probes through `sender`. */
function make(sender: pg.Pool): Doorbell {
  return new Doorbell({
    connection: async () => ({ ...database.config, host: proxy.host, port: proxy.port }),
    database: sender,
    events: {
      ring: (stream) => rings.push(stream),
      rewritten: (stream) => rings.push(`rewritten ${stream}`),
      listening: () => undefined,
      probed: (outcome) => probes.push(outcome),
      changed: (fault) => changes.push(fault),
    },
  });
}

async function up(): Promise<void> {
  doorbell.start();
  await expect.poll(() => probes, { timeout: 5000 }).toMatchObject([{ kind: 'heard' }]);
  expect(doorbell.fault).toBeNull();
}

/** A round trip through everything that was notified so far. */
async function notify(payload: string): Promise<void> {
  await pool.query('select pg_notify($1, $2)', [DOORBELL_CHANNEL, payload]);
}

describe('a probe', () => {
  it('says nothing of the doorbell when the pool is exhausted, and is sent again later', async () => {
    await up();
    const taken = await pool.connect();
    doorbell.probe();
    await expect.poll(() => probes.at(-1), { timeout: 5000 }).toMatchObject({ kind: 'unsent', answers: true });
    expect(doorbell.fault).toBeNull();
    taken.release();
    doorbell.probe();
    await expect.poll(() => probes.at(-1)?.kind).toBe('heard');
    expect(changes).toEqual([null]);
  });

  it('that cannot be sent finds a connection that is frozen nevertheless', async () => {
    await up();
    const taken = await pool.connect();
    proxy.freeze();
    doorbell.probe();
    await expect.poll(() => probes.at(-1), { timeout: 5000 }).toMatchObject({ kind: 'unsent', answers: false });
    expect(doorbell.fault?.kind).toBe('away');
    taken.release();
    proxy.thaw();
    await expect.poll(() => doorbell.fault, { timeout: 10_000 }).toBeNull();
  });

  it('is under way only once, however often it is asked for', async () => {
    await up();
    const heard: string[] = [];
    const listener = await database.connect();
    listener.on('notification', ({ payload }) => heard.push(payload ?? ''));
    await listener.query(`listen ${DOORBELL_CHANNEL}`);
    for (let i = 0; i < 10; i += 1) doorbell.probe();
    await expect.poll(() => probes.length).toBe(2);
    await notify('end');
    await expect.poll(() => heard.at(-1)).toBe('end');
    expect(heard).toHaveLength(2);
    await listener.end();
  });

  it('is not heard in the probes of others, where its own go to another database', async () => {
    const elsewhere = await freshDatabase();
    const other = new pg.Pool({ ...elsewhere.config, max: 1 });
    doorbell = make(other);
    doorbell.start();
    await expect
      .poll(
        async () => {
          await notify(`probe ${'0'.repeat(12)} 1`);
          return probes;
        },
        { timeout: 5000 },
      )
      .toMatchObject([{ kind: 'deaf', answers: true }]);
    expect(doorbell.fault).toMatchObject({ kind: 'deaf', mend: expect.stringContaining('DASHBOARD_LISTEN_URL') });
    await doorbell.stop();
    await other.end();
    await elsewhere.drop();
  });

  it('is not taken for a ring, and neither is anything else that travels on the channel', async () => {
    await up();
    for (const payload of ['', 'nonsense', 'probe', `probe ${'0'.repeat(12)} 1`, 'Anomalies']) await notify(payload);
    await notify('anomalies');
    await expect.poll(() => rings).toEqual(['anomalies']);
    expect(probes).toHaveLength(1);
  });
});

describe('the end', () => {
  it('leaves nothing behind where it was never begun', async () => {
    await doorbell.stop();
    doorbell.probe();
    doorbell.hurry();
    expect(proxy.connections).toBe(0);
  });

  it.each(['listening', 'frozen while it listens', 'frozen while it is probed'])('comes soon: %s', async (state) => {
    await up();
    if (state !== 'listening') proxy.freeze();
    if (state === 'frozen while it is probed') doorbell.probe();
    await doorbell.stop();
    proxy.thaw();
    await expect.poll(() => proxy.connections).toBe(0);
    expect(changes).toEqual([null]);
  });

  it('comes while it connects, and it does not connect after it', async () => {
    proxy.freeze();
    doorbell.start();
    await expect.poll(() => proxy.connections).toBe(1);
    await doorbell.stop();
    proxy.thaw();
    await expect.poll(() => proxy.connections).toBe(0);
    expect([probes, changes]).toEqual([[], []]);
  });

  it('comes while it waits to try again', async () => {
    await up();
    await proxy.stop();
    await expect.poll(() => doorbell.fault?.kind, { timeout: 5000 }).toBe('away');
    await doorbell.stop();
    // Nothing is waiting any more that could be hurried.
    doorbell.hurry();
    expect(changes).toMatchObject([null, { kind: 'away' }]);
  });
});

describe('what is notified', () => {
  it('tells rows that came from rows that were rewritten, and is nothing where it names no stream', async () => {
    await up();
    for (const payload of ['rewritten:prices', 'rewritten:', 'rewritten:system_metrics', 'system_metrics'])
      await notify(payload);
    await expect.poll(() => rings).toEqual(['rewritten system_metrics', 'system_metrics']);
  });
});
