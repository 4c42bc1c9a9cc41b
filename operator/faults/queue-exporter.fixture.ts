/**
 * Two series a workload in Prometheus' text format: `queue_length` and `queue_workers`, labelled `namespace` and
 * `deployment`. The test sets the values, takes series away, and spoils them.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface QueueExporter {
  /** `host:port`, as a scrape configuration names it. */
  readonly target: string;
  /** Undefined: the series ends. */
  set(deployment: string, length: number | undefined): void;
  /** A second series of workers, so that dividing by it is an error of many-to-many matching, which is HTTP status 422. */
  setDoubled(deployment: string, isDoubled: boolean): void;
  close(): Promise<void>;
}

/** Jobs per worker of a loop's target. */
export const queueQuery =
  'queue_length{namespace="$namespace",deployment="$target"} / on (namespace, deployment) queue_workers{namespace="$namespace",deployment="$target"}';

export async function startQueueExporter(namespace: string): Promise<QueueExporter> {
  const lengths = new Map<string, number>();
  const doubled = new Set<string>();
  const server = createServer((_, response) => {
    response.setHeader('content-type', 'text/plain; version=0.0.4');
    response.end(exposition());
  });
  function exposition(): string {
    const lines = [...lengths].flatMap(([deployment, length]) => {
      const labels = `namespace="${namespace}",deployment="${deployment}"`;
      const zones = doubled.has(deployment) ? ['a', 'b'] : ['a'];
      return [
        `queue_length{${labels}} ${Number.isNaN(length) ? 'NaN' : length}`,
        ...zones.map((zone) => `queue_workers{${labels},zone="${zone}"} 1`),
      ];
    });
    return `${lines.join('\n')}\n`;
  }
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    target: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    set(deployment, length) {
      if (length === undefined) lengths.delete(deployment);
      else lengths.set(deployment, length);
    },
    setDoubled(deployment, isDoubled) {
      if (isDoubled) doubled.add(deployment);
      else doubled.delete(deployment);
    },
    close() {
      server.closeAllConnections();
      return new Promise((closed) => server.close(() => closed()));
    },
  };
}
