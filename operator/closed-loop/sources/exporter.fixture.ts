/** Series of many workloads in Prometheus' text format, on loopback, for tests that ask a real Prometheus. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ExportedWorkload {
  readonly namespace: string;
  readonly name: string;
}

export interface Exporter {
  /** `host:port`, as a scrape configuration names it. */
  readonly target: string;
  close(): Promise<void>;
}

const bounds = ['5', '10', '50', '+Inf'];

/**
 * Per workload `rps` of two pods, `busy_total`, `capacity` and a histogram `latency_bucket`, all labelled `ns` and `app`;
 * `odd` is NaN, infinite or a number, and absent for every fourth workload; `owner` names the workload by other labels.
 */
export async function startExporter(workloads: readonly ExportedWorkload[]): Promise<Exporter> {
  const started = performance.now();
  const server = createServer((_, response) => {
    response.setHeader('content-type', 'text/plain; version=0.0.4');
    response.end(exposition(workloads, (performance.now() - started) / 1000));
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    target: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.closeAllConnections();
      return new Promise((closed) => server.close(() => closed()));
    },
  };
}

function exposition(workloads: readonly ExportedWorkload[], second: number): string {
  const lines = ['# TYPE busy_total counter', '# TYPE latency histogram'];
  workloads.forEach(({ namespace, name }, index) => {
    const labels = `ns="${escapeValue(namespace)}",app="${escapeValue(name)}"`;
    const speed = 1 + (index % 7);
    for (const pod of [0, 1]) {
      lines.push(`rps{${labels},pod="p${pod}"} ${speed * 10 + pod * 3.25}`);
      lines.push(`busy_total{${labels},pod="p${pod}"} ${second * speed * (1 + pod)}`);
    }
    lines.push(`capacity{${labels}} ${20 + (index % 3)}`);
    lines.push(`owner{namespace="${escapeValue(namespace)}",owner="${escapeValue(name)}"} ${index}`);
    if (index % 4 !== 3) lines.push(`odd{${labels}} ${['NaN', '+Inf', String(index)][index % 4]}`);
    bounds.forEach((bound, place) => {
      lines.push(`latency_bucket{${labels},le="${bound}"} ${Math.floor(second * 100 * speed * (place + 1))}`);
    });
  });
  return `${lines.join('\n')}\n`;
}

function escapeValue(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
