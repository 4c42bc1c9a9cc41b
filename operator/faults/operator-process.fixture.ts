/** The operator as users run it: a process of its own, which can be stopped, killed, frozen and asked for its metrics. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../env/lab/loopback-ports.ts';
import { requestLoopback } from '../../env/lab/loopback-request.ts';
import { startOrphanGuard } from '../../env/lab/orphan-guard.ts';

export interface OperatorProcessOptions {
  readonly kubeconfigFile: string;
  /** Of the lease; has to be there. */
  readonly namespace: string;
  /** In logs and in the lease. Default: of the process's own choosing. */
  readonly identity?: string;
  /** Default 2, so that a takeover takes seconds. */
  readonly leaseDurationSeconds?: number;
  readonly prometheusUrl?: string;
  /** Default: all namespaces. */
  readonly watchNamespaces?: readonly string[];
  readonly logLevel?: string;
  /** Appended to the command line. */
  readonly extraArguments?: readonly string[];
}

export interface LogLine {
  readonly level: string;
  /** RFC 3339. */
  readonly time: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export interface ProcessEnd {
  /** Null when a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface OperatorProcess {
  readonly pid: number;
  readonly metricsUrl: string;
  readonly ingestUrl: string;
  /** Of what it has logged so far, the lines that are JSON. */
  readonly logs: readonly LogLine[];
  /** What else it wrote: warnings of Node, a stack trace of its end. */
  readonly otherOutput: readonly string[];
  /** Settles when the process has ended, however it went. */
  readonly ended: Promise<ProcessEnd>;
  /** Undefined while it runs. */
  readonly end: ProcessEnd | undefined;
  kill(signal: NodeJS.Signals): void;
  /** In Prometheus' text format. @throws LoopbackError when it does not answer within 5 s */
  metrics(): Promise<string>;
  /** Sum over the series of that name whose labels contain `labels`; 0 when there are none. */
  metric(name: string, ...labels: readonly string[]): Promise<number>;
  /** Whether it leads and may act. */
  isLeader(): Promise<boolean>;
  /** The first line, from `since` on, whose message contains `text`. @throws Error when there is none in time */
  logged(text: string, timeoutSeconds?: number, since?: number): Promise<LogLine>;
  /** Wakes it where it is frozen, SIGTERM, and SIGKILL when it is still there after 10 s. May be called again. */
  stop(): Promise<ProcessEnd>;
}

const startSeconds = 40;
const stopMilliseconds = 10_000;
const repository = fileURLToPath(new URL('../..', import.meta.url));

/** Resolves when its caches are filled, whether it leads or not. @throws Error with what it wrote when it does not start */
export async function startOperatorProcess(options: OperatorProcessOptions): Promise<OperatorProcess> {
  const [port, ingestPort] = [await freePort(), await freePort()];
  // Ends the operator when this process is killed.
  const guard = startOrphanGuard(await mkdtemp(join(tmpdir(), 'duoloop-operator-')));
  // Not by tsx's own command, which is a second process that a signal would end instead.
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', 'cli.ts', 'operator', ...commandLine(options, port, ingestPort)],
    { cwd: repository, stdio: ['ignore', 'inherit', 'pipe'], detached: true },
  );
  if (child.pid !== undefined) guard.watch(child.pid);
  const logs: LogLine[] = [];
  const otherOutput: string[] = [];
  collect(child, logs, otherOutput);
  let end: ProcessEnd | undefined;
  const ended = new Promise<ProcessEnd>((resolve, reject) => {
    child.once('error', reject);
    // `close`, not `exit`: by then everything that it wrote has been read.
    child.once('close', (exitCode, signal) => {
      end = { exitCode, signal };
      if (child.pid !== undefined) guard.forget(child.pid);
      void guard.dismiss().then(() => resolve({ exitCode, signal }), reject);
    });
  });
  const metricsUrl = `http://127.0.0.1:${port}/metrics`;
  const ask = (url: string) => requestLoopback(url, { signal: AbortSignal.timeout(5_000) });
  const operator: OperatorProcess = {
    pid: child.pid ?? 0,
    metricsUrl,
    ingestUrl: `http://127.0.0.1:${ingestPort}`,
    logs,
    otherOutput,
    ended,
    get end() {
      return end;
    },
    kill: (signal) => void child.kill(signal),
    metrics: () => ask(metricsUrl),
    async metric(name, ...labels) {
      return sumOfSeries(await operator.metrics(), name, labels);
    },
    isLeader: async () => (await operator.metric('duoloop_leader')) === 1,
    async logged(text, timeoutSeconds = 20, since = 0) {
      const deadline = Date.now() + timeoutSeconds * 1000;
      for (;;) {
        const found = logs.slice(since).find(({ msg }) => msg.includes(text));
        if (found !== undefined) return found;
        if (end !== undefined) throw new Error(`the operator ended before it logged "${text}": ${told(operator)}`);
        if (Date.now() > deadline) {
          throw new Error(`the operator did not log "${text}" in ${timeoutSeconds} s: ${told(operator)}`);
        }
        await delay(20);
      }
    },
    async stop() {
      if (end === undefined) {
        child.kill('SIGTERM');
        child.kill('SIGCONT');
      }
      const timer = setTimeout(() => child.kill('SIGKILL'), stopMilliseconds);
      return ended.finally(() => clearTimeout(timer));
    },
  };
  const deadline = Date.now() + startSeconds * 1000;
  const readyUrl = `http://127.0.0.1:${port}/readyz`;
  for (;;) {
    if (end !== undefined) throw new Error(`the operator ended at its start: ${told(operator)}`);
    try {
      await ask(readyUrl);
      return operator;
    } catch (cause) {
      if (Date.now() > deadline) {
        await operator.stop();
        throw new Error(`the operator was not ready in ${startSeconds} s: ${told(operator)}`, { cause });
      }
      await delay(50);
    }
  }
}

function commandLine(options: OperatorProcessOptions, port: number, ingestPort: number): string[] {
  const { prometheusUrl, identity, watchNamespaces = [] } = options;
  return [
    ['--kubeconfig', options.kubeconfigFile],
    ['--namespace', options.namespace],
    ['--port', String(port)],
    ['--ingest-port', String(ingestPort)],
    ['--lease-duration-seconds', String(options.leaseDurationSeconds ?? 2)],
    ['--log-level', options.logLevel ?? 'info'],
    ...(prometheusUrl === undefined ? [] : [['--prometheus', prometheusUrl]]),
    ...(identity === undefined ? [] : [['--identity', identity]]),
    ...(watchNamespaces.length === 0 ? [] : [['--watch-namespace', ...watchNamespaces]]),
    options.extraArguments ?? [],
  ].flat();
}

function collect(child: ChildProcess, logs: LogLine[], otherOutput: string[]): void {
  if (child.stderr === null) return;
  createInterface({ input: child.stderr }).on('line', (line) => {
    try {
      logs.push(JSON.parse(line) as LogLine);
    } catch {
      otherOutput.push(line);
    }
  });
}

function sumOfSeries(text: string, name: string, labels: readonly string[]): number {
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
    .filter((line) => labels.every((label) => line.includes(label)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

/** The end of what it wrote, for errors. */
function told({ logs, otherOutput, end }: OperatorProcess): string {
  const how = end === undefined ? 'it runs' : `exit code ${end.exitCode}, signal ${end.signal}`;
  const lines = [...logs.slice(-8).map((line) => JSON.stringify(line)), ...otherOutput.slice(-15)];
  return `${how}\n${lines.join('\n')}`;
}
