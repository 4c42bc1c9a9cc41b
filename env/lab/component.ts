/** A program of the control plane as a process that can be stopped, killed, frozen and started again. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { OrphanGuard } from './orphan-guard.ts';

/** A program did not start, or ended by itself; the message carries the end of its log. */
export class ComponentError extends Error {
  readonly code = 'lab.component';
  readonly component: string;

  constructor(component: string, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'ComponentError';
    this.component = component;
  }
}

export interface ComponentSpec {
  readonly name: string;
  readonly binary: string;
  readonly arguments: readonly string[];
  readonly logFile: string;
  /** Resolves when the program serves; rejects while it does not yet. Asked every 25 ms. */
  readonly ready: (signal: AbortSignal) => Promise<void>;
  /** Until `ready` must have resolved. */
  readonly startSeconds?: number;
  /** Between SIGTERM and SIGKILL. */
  readonly stopSeconds?: number;
}

/** Every method may be called in every state and does nothing where there is nothing to do. */
export interface Component {
  readonly name: string;
  readonly logFile: string;
  readonly arguments: readonly string[];
  /** Of the running process. */
  readonly pid: number | undefined;
  /** Settles when the running process has ended, however it went; at once when none runs. */
  readonly ended: Promise<void>;
  /** Resolves when it serves, with the ports, certificates and data of the run before. @throws ComponentError */
  start(): Promise<void>;
  /** SIGTERM, then SIGKILL; resolves when the process has ended. */
  stop(): Promise<void>;
  /** SIGKILL; resolves when the process has ended. */
  kill(): Promise<void>;
  /** SIGSTOP: the process keeps its connections and answers nothing. */
  pause(): void;
  resume(): void;
  /** The last lines of its log. */
  logTail(lines?: number): Promise<string>;
}

const readyPollMilliseconds = 25;

export function createComponent(spec: ComponentSpec, guard: OrphanGuard): Component {
  let child: ChildProcess | undefined;
  let ended: Promise<void> = Promise.resolve();

  async function start(): Promise<void> {
    if (child !== undefined) return;
    const started = launch(spec);
    child = started;
    const { pid } = started;
    if (pid !== undefined) guard.watch(pid);
    let failure: Error | undefined;
    ended = new Promise((resolve) => {
      const onEnd = () => {
        if (pid !== undefined) guard.forget(pid);
        if (child === started) child = undefined;
        resolve();
      };
      started.once('exit', onEnd);
      started.once('error', (error) => {
        failure = error;
        onEnd();
      });
    });
    await untilReady(started, () => failure);
  }

  async function untilReady(started: ChildProcess, failure: () => Error | undefined): Promise<void> {
    const { startSeconds = 60 } = spec;
    const deadline = Date.now() + startSeconds * 1000;
    let lastRefusal: unknown;
    while (child === started) {
      if (Date.now() > deadline) {
        await kill();
        throw await componentError(`did not get ready in ${startSeconds} s: ${messageOf(lastRefusal)}`, lastRefusal);
      }
      try {
        await spec.ready(AbortSignal.timeout(2_000));
        if (child === started) return;
      } catch (error) {
        lastRefusal = error;
      }
      await delay(readyPollMilliseconds);
    }
    const how = started.exitCode === null ? `signal ${started.signalCode}` : `exit code ${started.exitCode}`;
    throw await componentError(failure()?.message ?? `ended with ${how} before it was ready`, failure());
  }

  async function componentError(what: string, cause: unknown): Promise<ComponentError> {
    const tail = await logTail();
    return new ComponentError(spec.name, `${spec.name} ${what}${tail && `; the end of its log:\n${tail}`}`, { cause });
  }

  async function stop(): Promise<void> {
    const stopping = child;
    if (stopping === undefined) return;
    stopping.kill('SIGTERM');
    // A frozen process ends only when it is woken.
    stopping.kill('SIGCONT');
    const timer = setTimeout(() => stopping.kill('SIGKILL'), (spec.stopSeconds ?? 5) * 1000);
    await ended;
    clearTimeout(timer);
  }

  async function kill(): Promise<void> {
    child?.kill('SIGKILL');
    await ended;
  }

  async function logTail(lines = 15): Promise<string> {
    const log = await readFile(spec.logFile, 'utf8').catch(() => '');
    return log.trimEnd().split('\n').slice(-lines).join('\n');
  }

  return {
    name: spec.name,
    logFile: spec.logFile,
    arguments: spec.arguments,
    get pid() {
      return child?.pid;
    },
    get ended() {
      return ended;
    },
    start,
    stop,
    kill,
    pause: () => void child?.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
    logTail,
  };
}

function launch({ binary, arguments: programArguments, logFile }: ComponentSpec): ChildProcess {
  const log = openSync(logFile, 'a');
  try {
    // Detached: Ctrl-C goes to the whole process group, and these are to be stopped in order.
    return spawn(binary, programArguments, { stdio: ['ignore', log, log], detached: true });
  } finally {
    closeSync(log);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error ?? 'no answer');
}
