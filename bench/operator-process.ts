/** The operator as users run it, a process of its own, for benchmarks. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ControlPlane } from '../env/lab/control-plane.ts';
import { freePort } from '../env/lab/loopback-ports.ts';
import { requestLoopback } from '../env/lab/loopback-request.ts';

export interface OperatorProcess {
  readonly pid: number;
  readonly metricsUrl: string;
  /** SIGTERM; resolves when it has ended. */
  stop(): Promise<void>;
}

const startSeconds = 30;

/** Serves all namespaces; its lease is in `duoloop-system`, which has to be there. @throws Error when it does not serve */
export async function startOperatorProcess(
  plane: Pick<ControlPlane, 'kubeconfigFile' | 'prometheusUrl'>,
): Promise<OperatorProcess> {
  const port = await freePort();
  const options = [
    ['--kubeconfig', plane.kubeconfigFile],
    ['--namespace', 'duoloop-system'],
    ['--port', String(port)],
    ['--ingest-port', '0'],
    ['--log-level', 'warn'],
    ...(plane.prometheusUrl === undefined ? [] : [['--prometheus', plane.prometheusUrl]]),
  ].flat();
  // Not by tsx's own command, which is a second process around the one that is measured.
  const child = spawn(process.execPath, ['--import', 'tsx', 'cli.ts', 'operator', ...options], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    stdio: ['ignore', 2, 2],
  });
  const ended = once(child, 'exit');
  const metricsUrl = `http://127.0.0.1:${port}/metrics`;
  const stop = async () => {
    child.kill('SIGTERM');
    if (child.exitCode === null && child.signalCode === null) await ended;
  };
  const deadline = Date.now() + startSeconds * 1000;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`the operator ended with exit code ${child.exitCode}`);
    try {
      await requestLoopback(metricsUrl, { signal: AbortSignal.timeout(2000) });
      return { pid: child.pid ?? 0, metricsUrl, stop };
    } catch (cause) {
      if (Date.now() > deadline) {
        await stop();
        throw new Error(`the operator does not serve ${metricsUrl} after ${startSeconds} s`, { cause });
      }
      await delay(200);
    }
  }
}
