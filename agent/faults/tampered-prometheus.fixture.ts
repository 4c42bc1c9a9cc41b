/** A Prometheus of its own beside the lab's, which scrapes the same sources by way of somebody who changes what they say. */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Lab } from '../../env/lab/lab.ts';
import { requestLoopback } from '../../env/lab/loopback-request.ts';
import { type StandaloneComponent, startPrometheus } from '../../env/lab/monitoring.ts';

export interface TamperedPrometheus extends StandaloneComponent {
  /** Applied to the text of every scrape from now on. */
  tamper(change: (text: string) => string): void;
}

const scrapeIntervalSeconds = 0.5;

export async function startTamperedPrometheus({
  standIn,
  controlPlane,
  kubeStateMetricsUrl,
}: Lab): Promise<TamperedPrometheus> {
  let change = (text: string) => text;
  const certificateAuthority = await readFile(controlPlane.caFile, 'utf8');
  const sources: Record<string, string> = {
    '/stand-in': `${standIn.url}/metrics`,
    '/kube-state-metrics': `${kubeStateMetricsUrl}/metrics`,
  };
  const server = createServer(async ({ url = '' }, response) => {
    try {
      const text = await requestLoopback(sources[url], { certificateAuthority });
      response.setHeader('content-type', 'text/plain; version=0.0.4');
      response.end(change(text));
    } catch {
      response.statusCode = 502;
      response.end();
    }
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const targets = [`127.0.0.1:${(server.address() as AddressInfo).port}`];
  const prometheus = await startPrometheus({
    scrapeIntervalSeconds,
    scrapeConfigs: Object.keys(sources).map((path) => ({
      job_name: path.slice(1),
      metrics_path: path,
      honor_labels: true,
      static_configs: [{ targets }],
    })),
  });
  return {
    ...prometheus,
    tamper(next) {
      change = next;
    },
    async stop() {
      await prometheus.stop();
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}
