import { access, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { withLock } from './lock.ts';

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'duoloop-lock-'));
  file = join(folder, 'sub', '.lock');
});
afterEach(() => rm(folder, { recursive: true }));

test('is held by one at a time, and released after a failure', async () => {
  let holders = 0;
  let most = 0;
  const work = async () => {
    most = Math.max(most, ++holders);
    await delay(20);
    holders--;
  };
  const failing = withLock(file, () => Promise.reject(new Error('broken')));
  await expect(failing).rejects.toThrow('broken');
  await Promise.all(Array.from({ length: 5 }, () => withLock(file, work)));
  expect(most).toBe(1);
  await expect(access(file)).rejects.toThrow();
});

test('of a dead process is taken over, of a living one is waited for', async () => {
  await withLock(file, async () => {});
  const dead = join(folder, 'dead');
  await writeFile(dead, '1\n');
  await utimes(dead, new Date(0), new Date(0));
  await expect(withLock(dead, async () => 'mine')).resolves.toBe('mine');

  // Longer than `staleSeconds`, so that only its heartbeat keeps it.
  const holding = withLock(file, () => delay(1_000), { heartbeatSeconds: 0.1 });
  await delay(50);
  let waited = false;
  const startedAt = Date.now();
  await withLock(file, async () => {}, { staleSeconds: 0.5, onWait: () => (waited = true) });
  expect(waited).toBe(true);
  expect(Date.now() - startedAt).toBeGreaterThan(850);
  await holding;
});

test('waiting ends when it is aborted', async () => {
  const holding = withLock(file, () => delay(300));
  await delay(20);
  const signal = AbortSignal.timeout(50);
  await expect(withLock(file, async () => {}, { signal })).rejects.toThrow();
  await holding;
});
