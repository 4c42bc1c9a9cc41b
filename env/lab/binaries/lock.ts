/**
 * One process at a time, by a file. A dead owner is known by its heartbeat, not by its process id, since a cache folder
 * may be shared by machines. It saves work and is no safety: two owners would build the same binary twice.
 */
import { mkdir, open, rm, stat, utimes } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export interface LockOptions {
  readonly signal?: AbortSignal;
  /** Called once when another process has the lock. */
  readonly onWait?: () => void;
  /** Default 5. */
  readonly heartbeatSeconds?: number;
  /** Without a heartbeat for so long the owner is taken for dead. Default 30. */
  readonly staleSeconds?: number;
}

/** Runs `action` while holding the lock. @throws what `action` throws, or the signal's reason while waiting */
export async function withLock<T>(file: string, action: () => Promise<T>, options: LockOptions = {}): Promise<T> {
  const { heartbeatSeconds = 5 } = options;
  await acquire(file, options);
  const heartbeat = setInterval(() => {
    const now = new Date();
    utimes(file, now, now).catch(() => {});
  }, heartbeatSeconds * 1000);
  heartbeat.unref();
  try {
    return await action();
  } finally {
    clearInterval(heartbeat);
    await rm(file, { force: true });
  }
}

async function acquire(file: string, { signal, onWait, staleSeconds = 30 }: LockOptions): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  let waiting = false;
  while (!(await create(file))) {
    if (!waiting) onWait?.();
    waiting = true;
    const lastBeat = await stat(file).then(
      ({ mtimeMs }) => mtimeMs,
      () => undefined,
    );
    if (lastBeat !== undefined && Date.now() - lastBeat > staleSeconds * 1000) await rm(file, { force: true });
    else await delay(200, undefined, { signal });
  }
}

async function create(file: string): Promise<boolean> {
  try {
    const handle = await open(file, 'wx');
    await handle.writeFile(`${process.pid}\n`);
    await handle.close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}
