/** Holds the search for closed folders to the permission bits that the kernel would apply. */
import { chmod, mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { closedFolder } from '../../server/db/embedded-user.ts';

let root: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'alphapulse-closed-'));
  await mkdir(join(root, 'inner', 'deep'), { recursive: true });
});
afterAll(() => rm(root, { recursive: true }));

it('names the first folder on the way that is closed to the account, by owner, group and others', async () => {
  const { uid, gid } = await stat(root);
  const owner = { uid, gid: gid + 1 };
  const member = { uid: uid + 1, gid };
  const stranger = { uid: uid + 1, gid: gid + 1 };
  const wanted = join(root, 'inner', 'deep');
  await chmod(root, 0o700);
  expect(await closedFolder(wanted, owner)).toBe(null);
  expect(await closedFolder(wanted, member)).toBe(root);
  expect(await closedFolder(wanted, stranger)).toBe(root);
  await chmod(root, 0o710);
  expect(await closedFolder(wanted, member)).toBe(null);
  expect(await closedFolder(wanted, stranger)).toBe(root);
  await chmod(root, 0o701);
  expect(await closedFolder(wanted, member)).toBe(root);
  expect(await closedFolder(wanted, stranger)).toBe(null);
  await chmod(join(root, 'inner'), 0o600);
  expect(await closedFolder(wanted, owner)).toBe(join(root, 'inner'));
});

it('levels that do not exist yet are open, and an account of our own needs no search', async () => {
  await chmod(root, 0o700);
  const { uid, gid } = await stat(root);
  expect(await closedFolder(join(root, 'new', 'newer'), { uid, gid })).toBe(null);
  expect(await closedFolder(join(root, 'inner'), null)).toBe(null);
});
