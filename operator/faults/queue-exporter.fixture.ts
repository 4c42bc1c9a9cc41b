/**
 * Two series a workload in Prometheus' text format: `queue_length` and `queue_workers`, labelled `namespace` and
 * `deployment`. The test sets the values, takes series away, and spoils them.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface QueueExporter {
  /** `host:port`, as a scrape configuration names it. */
  readonly target: string;
  /** Undefined: the series end. */
  set(namespace: string, deployment: string, length: number | undefined): void;
  /** Two series of workers instead of one: dividing by them is an error of many-to-many matching, which is HTTP status 422. */
  setDoubled(namespace: string, deployment: string, isDoubled: boolean): void;
  close(): Promise<void>;
}

/** Jobs per worker of a loop's target. */
export const queueQuery =
  'queue_length{namespace="$namespace",deployment="$target"} / on (namespace, deployment) queue_workers{namespace="$namespace",deployment="$target"}';

export async function startQueueExporter(): Promise<QueueExporter> {
  const lengths = new Map<string, number>();
  const doubled = new Set<string>();
  const labelsOf = (namespace: string, deployment: string) => `namespace="${namespace}",deployment="${deployment}"`;
  function exposition(): string {
    const lines = [...lengths].flatMap(([labels, length]) => [
      `queue_length{${labels}} ${Number.isNaN(length) ? 'NaN' : length}`,
      ...(doubled.has(labels) ? ['a', 'b'] : ['a']).map((zone) => `queue_workers{${labels},zone="${zone}"} 1`),
    ]);
    return `${lines.join('\n')}\n`;
  }
  const server = createServer((_, response) => {
    response.setHeader('content-type', 'text/plain; version=0.0.4');
    response.end(exposition());
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    target: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    set(namespace, deployment, length) {
      if (length === undefined) lengths.delete(labelsOf(namespace, deployment));
      else lengths.set(labelsOf(namespace, deployment), length);
    },
    setDoubled(namespace, deployment, isDoubled) {
      if (isDoubled) doubled.add(labelsOf(namespace, deployment));
      else doubled.delete(labelsOf(namespace, deployment));
    },
    close() {
      server.closeAllConnections();
      return new Promise((closed) => server.close(() => closed()));
    },
  };
}
