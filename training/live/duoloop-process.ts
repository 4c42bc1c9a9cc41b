/** `duoloop operator` and `duoloop agent` as users run them: processes of their own, by the command of this very installation. */
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Component, ComponentError, createComponent } from '../../env/lab/component.ts';
import { freePort } from '../../env/lab/loopback-ports.ts';
import { requestLoopback } from '../../env/lab/loopback-request.ts';
import { type OrphanGuard, startOrphanGuard } from '../../env/lab/orphan-guard.ts';

const command = fileURLToPath(new URL('../../bin/duoloop.mjs', import.meta.url));
/** tsx compiles what it has not seen yet, on a machine that is busy with a control plane. */
const startSeconds = 90;

export interface DuoloopProcesses {
  /** Resolves when it is ready. @throws ComponentError with the end of its log */
  start(verb: 'operator' | 'agent', commandLine: readonly string[]): Promise<Component>;
  /** Rejects with the end of its log as soon as one of them has ended by itself; settles quietly once stopped. */
  readonly died: Promise<never>;
  /** Ends one that was started; that is no death. */
  end(component: Component): Promise<void>;
  /** SIGTERM to all, then SIGKILL. May be called again. */
  stop(): Promise<void>;
}

/** @param folder for logs; theirs alone, and removed at the end */
export function createDuoloopProcesses(folder: string): DuoloopProcesses {
  const guard = startOrphanGuard(folder);
  const running = new Set<Component>();
  let started = 0;
  const stopping = new AbortController();
  let fail: (error: Error) => void = () => {};
  const died = new Promise<never>((_, reject) => {
    fail = reject;
  });
  // Whoever waits for it is told; nobody needs to.
  died.catch(() => undefined);
  let stopped: Promise<void> | undefined;

  return {
    died,
    async start(verb, commandLine) {
      const component = createComponent(await specOf(verb, commandLine, folder, started++), guard);
      running.add(component);
      await component.start();
      void component.ended.then(async () => {
        if (stopping.signal.aborted || !running.has(component)) return;
        fail(new ComponentError(verb, `duoloop ${verb} has ended; its last lines:\n${await component.logTail()}`));
      });
      return component;
    },
    async end(component) {
      running.delete(component);
      await component.stop();
    },
    stop() {
      stopping.abort();
      stopped ??= endAll([...running], guard);
      return stopped;
    },
  };
}

async function specOf(verb: 'operator' | 'agent', commandLine: readonly string[], folder: string, index: number) {
  const port = await freePort();
  return {
    name: `duoloop ${verb}`,
    binary: process.execPath,
    arguments: [command, verb, '--bind', '127.0.0.1', '--port', String(port), ...commandLine],
    logFile: join(folder, `${verb}-${index}.log`),
    startSeconds,
    stopSeconds: 10,
    ready: async (signal: AbortSignal) => {
      await requestLoopback(`http://127.0.0.1:${port}/readyz`, { signal });
    },
  };
}

async function endAll(running: readonly Component[], guard: OrphanGuard): Promise<void> {
  await Promise.all(running.map((component) => component.stop()));
  await guard.dismiss();
}

/** Rejects with the reason once aborted. */
export async function aborted(signal: AbortSignal): Promise<never> {
  if (!signal.aborted) await once(signal, 'abort');
  throw signal.reason;
}
