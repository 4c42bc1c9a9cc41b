/** `duoloop operator` and `duoloop agent` as users run them, to be stopped, killed and frozen, with what they log and count. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Component, createComponent } from '../../env/lab/component.ts';
import { freePort } from '../../env/lab/loopback-ports.ts';
import { requestLoopback } from '../../env/lab/loopback-request.ts';
import type { OrphanGuard } from '../../env/lab/orphan-guard.ts';

export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export interface DuoloopProcess extends Component {
  readonly metricsUrl: string;
  /** What it has logged so far, over all its runs. */
  logs(): Promise<LogLine[]>;
  /** What else it wrote: warnings of Node, a stack trace of its end. */
  otherOutput(): Promise<string[]>;
  /** Sum over the series of that name whose labels contain `labels`; 0 when there are none. @throws LoopbackError */
  metric(name: string, ...labels: readonly string[]): Promise<number>;
  /** @throws LoopbackError with status 503 and the reason while it is not ready, 0 while it does not answer */
  readiness(): Promise<string>;
}

export interface DuoloopProcessOptions {
  readonly verb: 'operator' | 'agent';
  /** Without port and address. */
  readonly commandLine: readonly string[];
  /** Modules that Node loads first. */
  readonly preload?: readonly string[];
  /** Of its log; no other process's. */
  readonly name: string;
  readonly folder: string;
}

const command = fileURLToPath(new URL('../../bin/duoloop.mjs', import.meta.url));
/** tsx compiles what it has not seen yet, on a machine that is busy with a control plane. */
const startSeconds = 60;

/** Starts nothing yet; `start` resolves when it is ready, an agent once its first round has ended. */
export async function duoloopProcess(options: DuoloopProcessOptions, guard: OrphanGuard): Promise<DuoloopProcess> {
  const { verb, commandLine, preload = [], name, folder } = options;
  const url = `http://127.0.0.1:${await freePort()}`;
  const logFile = join(folder, `${name}.log`);
  const readiness = (signal = AbortSignal.timeout(5_000)) => requestLoopback(`${url}/readyz`, { signal });
  const component = createComponent(
    {
      name: `duoloop ${verb} ${name}`,
      binary: process.execPath,
      arguments: [
        ...preload.map((module) => `--import=${module}`),
        ...[command, verb, '--bind', '127.0.0.1', '--port', new URL(url).port, ...commandLine],
      ],
      logFile,
      startSeconds,
      stopSeconds: 10,
      ready: async (signal) => void (await readiness(signal)),
    },
    guard,
  );
  const lines = async () => {
    const text = await readFile(logFile, 'utf8').catch(() => '');
    // What follows the last line's end is still being written, or was cut off by a kill.
    return text.split('\n').slice(0, -1).map(parsedLine);
  };
  return Object.defineProperties(
    {
      metricsUrl: `${url}/metrics`,
      logs: async () => (await lines()).filter((line) => typeof line !== 'string'),
      otherOutput: async () => (await lines()).filter((line) => typeof line === 'string'),
      readiness: () => readiness(),
      async metric(metric: string, ...labels: readonly string[]) {
        const text = await requestLoopback(`${url}/metrics`, { signal: AbortSignal.timeout(5_000) });
        return text
          .split('\n')
          .filter((line) => line.startsWith(`${metric} `) || line.startsWith(`${metric}{`))
          .filter((line) => labels.every((label) => line.includes(label)))
          .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
      },
    },
    // Some of them are getters, whose values change.
    Object.getOwnPropertyDescriptors(component),
  ) as DuoloopProcess;
}

function parsedLine(line: string): LogLine | string {
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return line;
  }
}
