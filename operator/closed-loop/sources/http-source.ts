/** Pulls numbers from JSON exporters; metrics of one address share one GET a tick. */
import PQueue from 'p-queue';
import type { MetricAnswer } from '../contract.ts';
import { createHostGuard, type HostGuard } from './host-guard.ts';
import { createJsonClient } from './http-json.ts';
import { numberAt } from './json-number.ts';
import { groupIndexes, lateReason, messageOf, missing, type Source, type SourceMetrics } from './source.ts';

export interface HttpSourceOptions {
  /** Host names that a source may name; see `defaultHttpSourceHosts`. */
  readonly allowedHosts: readonly RegExp[];
  readonly metrics: SourceMetrics;
  /** Hosts are many and slow ones must not hold up the others. */
  readonly concurrency?: number;
  readonly guard?: HostGuard;
}

/** Services of the cluster. */
export const defaultHttpSourceHosts: readonly RegExp[] = [/\.svc(\.cluster\.local)?$/i];

export function createHttpSource(options: HttpSourceOptions): Source & { close(): void } {
  const { allowedHosts, metrics, concurrency = 64, guard = createHostGuard(allowedHosts) } = options;
  const client = createJsonClient({ guard });
  const queue = new PQueue({ concurrency });

  async function fetchJson(url: string, timeoutSeconds: number, signal: AbortSignal): Promise<unknown> {
    return queue.add(
      async () => {
        const started = performance.now();
        const done = (result: 'ok' | 'failed') =>
          metrics.asked('http', 'url', result, (performance.now() - started) / 1000);
        try {
          const json = await client.get(url, { timeoutSeconds, signal });
          done('ok');
          return json;
        } catch (error) {
          done('failed');
          throw error;
        }
      },
      { signal },
    );
  }

  return {
    async read(requests, deadline) {
      const answers: MetricAnswer[] = [];
      const byUrl = groupIndexes(requests, ({ source }) => source.http?.url ?? '');
      await Promise.all(
        [...byUrl].map(async ([url, indexes]) => {
          const timeoutSeconds = Math.max(...indexes.map((index) => requests[index].source.http?.timeoutSeconds ?? 0));
          try {
            const json = await fetchJson(url, timeoutSeconds, deadline);
            for (const index of indexes) {
              const { metric, source } = requests[index];
              const number = numberAt(json, source.http?.field ?? metric);
              answers[index] = typeof number === 'number' ? { value: number } : missing(`${url}: ${number}`);
            }
          } catch (error) {
            const reason = (index: number) =>
              deadline.aborted ? lateReason(requests[index]) : `${url}: ${messageOf(error)}`;
            for (const index of indexes) answers[index] = missing(reason(index));
          }
        }),
      );
      return answers;
    },
    close: () => client.close(),
  };
}
