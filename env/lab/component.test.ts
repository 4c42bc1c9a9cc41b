import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ComponentSpec, createComponent } from './component.ts';
import { type OrphanGuard, startOrphanGuard } from './orphan-guard.ts';

let folder: string;
let guard: OrphanGuard;
let scripts = 0;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'duoloop-component-'));
  guard = startOrphanGuard(folder);
});
afterEach(async () => {
  await guard.dismiss();
  await rm(folder, { recursive: true, force: true });
});

/** A shell script that is ready once it has written `ready` to its log. */
function shell(script: string, extra: Partial<ComponentSpec> = {}): ComponentSpec {
  // Of its own: what an earlier script wrote would make this one ready before it is.
  const logFile = join(folder, `log-${scripts++}`);
  const ready = async () => {
    if (!(await readFile(logFile, 'utf8')).includes('ready')) throw new Error('not yet');
  };
  return { name: 'script', binary: '/bin/sh', arguments: ['-c', script], logFile, ready, startSeconds: 5, ...extra };
}

const isAlive = (pid: number) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

async function untilGone(pid: number): Promise<void> {
  const deadline = Date.now() + 5_000;
  while (isAlive(pid) && Date.now() < deadline) await delay(20);
  expect(isAlive(pid)).toBe(false);
}

test('starts when it is ready, is stopped, and starts again', async () => {
  const component = createComponent(shell('echo ready; exec sleep 60'), guard);
  await component.start();
  const first = component.pid ?? 0;
  expect(isAlive(first)).toBe(true);
  await component.start();
  expect(component.pid).toBe(first);
  await component.stop();
  expect(component.pid).toBeUndefined();
  expect(isAlive(first)).toBe(false);
  await component.start();
  expect(component.pid).not.toBe(first);
  await component.kill();
  await component.stop();
});

test('one that refuses to end is killed, and a frozen one is woken to end', async () => {
  const stubborn = createComponent(
    shell('trap "" TERM; echo ready; while :; do sleep 0.1; done', { stopSeconds: 0.3 }),
    guard,
  );
  await stubborn.start();
  await stubborn.stop();
  expect(stubborn.pid).toBeUndefined();
  const frozen = createComponent(
    shell('trap "echo ended; exit 0" TERM; echo ready; while :; do sleep 0.1; done'),
    guard,
  );
  await frozen.start();
  frozen.pause();
  await frozen.stop();
  expect(await frozen.logTail()).toContain('ended');
});

test('a failed start says why, with the end of the log', async () => {
  const ends = createComponent(shell('echo port in use >&2; exit 3'), guard);
  await expect(ends.start()).rejects.toThrow(/script ended with exit code 3 before it was ready.*\nport in use/);
  const hangs = createComponent(shell('echo waiting; exec sleep 60', { startSeconds: 0.3 }), guard);
  await expect(hangs.start()).rejects.toThrow(/did not get ready in 0.3 s: not yet.*\n(.*\n)*waiting/);
  expect(hangs.pid).toBeUndefined();
  const absent = createComponent(shell('', { binary: join(folder, 'nothing') }), guard);
  await expect(absent.start()).rejects.toThrow(/ENOENT/);
});

test('a process that is killed leaves no other process and no folder', async () => {
  const module = (name: string) => JSON.stringify(new URL(name, import.meta.url).href);
  const program = `
    const { startOrphanGuard } = await import(${module('orphan-guard.ts')});
    const { createComponent } = await import(${module('component.ts')});
    const guard = startOrphanGuard(${JSON.stringify(folder)});
    const start = async (seconds) => {
      const logFile = ${JSON.stringify(join(folder, 'orphan.log'))};
      const component = createComponent(
        { name: 'sleep', binary: '/bin/sleep', arguments: [seconds], logFile, ready: async () => {} }, guard);
      await component.start();
      return component;
    };
    const kept = await Promise.all(['61', '62', '63'].map(start));
    const pids = kept.map(({ pid }) => pid);
    await kept[1].stop();
    console.log(JSON.stringify({ pids, guard: guard.pid }));
    setInterval(() => {}, 1000);
  `;
  const parent = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(parent.stdout, 'data');
  const { pids, guard: guardPid } = JSON.parse(String(line)) as { pids: number[]; guard: number };
  expect(pids.map(isAlive)).toEqual([true, false, true]);
  parent.kill('SIGKILL');
  for (const pid of [...pids, guardPid]) await untilGone(pid);
  await expect(access(folder)).rejects.toThrow();
});
