/** Events on objects, written in the background: whoever records one neither waits nor learns of a failure. */
import { randomUUID } from 'node:crypto';
import { Counter } from 'prom-client';
import { type KubernetesApi, KubernetesError, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import type { Runnable } from '../../env/service/run-all.ts';
import { pause } from '../../env/service/waiting.ts';
import type { StoredObject } from '../../policies/resources/resource.ts';
import { backoffMilliseconds } from './backoff.ts';
import type { EventRecorder, OperatorContext } from './contract.ts';
import { createEventSeries, type Series, type SeriesOptions } from './event-series.ts';
import { microTime } from './lease-record.ts';
import { perRegistry } from './metrics.ts';

export interface EventRecorderOptions {
  readonly api: KubernetesApi;
  /** `duoloop.dev/operator`: who reports, in the form of a label key. */
  readonly controller: string;
  /** Which replica. */
  readonly instance: string;
  readonly context: Pick<OperatorContext, 'logger' | 'metrics' | 'now'>;
  readonly series?: SeriesOptions;
  /** Events waiting to be written; beyond, new ones are dropped and counted. */
  readonly maxWaiting?: number;
  readonly random?: () => number;
}

const recorderMetrics = perRegistry((registry) => ({
  events: new Counter({
    name: 'duoloop_events_total',
    help: 'Events by type, reason and what became of them: written, counted (in a series, not written now) or dropped',
    labelNames: ['type', 'reason', 'outcome'],
    registers: [registry],
  }),
}));

interface Waiting {
  readonly regarding: StoredObject;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly series: Series;
}

/** The API server's bounds. */
const maxNoteLength = 1_024;
const maxReasonLength = 128;
const maxAttempts = 5;
const backoff = { initialMilliseconds: 500, maxMilliseconds: 10_000 };
/** For what still waits when the process ends. */
const lastWritesMilliseconds = 2_000;

/** `run` writes; what is recorded before is kept for it. */
export function createEventRecorder(options: EventRecorderOptions): EventRecorder & Runnable {
  const { api, controller, instance, maxWaiting = 1_000, random = Math.random } = options;
  const { logger, now } = options.context;
  const metrics = recorderMetrics(options.context.metrics);
  const seriesOf = createEventSeries(options.series);
  const waiting: Waiting[] = [];
  let wake: () => void = () => {};

  const create = async (item: Waiting, signal: AbortSignal) => {
    const { regarding, type, reason, series } = item;
    const { apiVersion, kind, metadata } = regarding;
    // Of an object without a namespace: where kubectl describe looks for them.
    const namespace = metadata.namespace || 'default';
    const name = `${metadata.name.slice(0, 200)}.${randomUUID().slice(0, 13)}`;
    const { uid, resourceVersion } = metadata;
    await api.create(
      resourceTypes.event,
      namespace,
      {
        apiVersion: resourceTypes.event.apiVersion,
        kind: resourceTypes.event.kind,
        metadata: { name, namespace },
        eventTime: microTime(now()),
        reportingController: controller,
        reportingInstance: instance.slice(0, 128),
        action: reason,
        reason,
        type,
        regarding: { apiVersion, kind, name: metadata.name, namespace: metadata.namespace, uid, resourceVersion },
        note: series.note.slice(0, maxNoteLength),
      },
      { signal },
    );
    series.eventName = name;
  };

  const write = async (item: Waiting, signal: AbortSignal) => {
    const { regarding, series } = item;
    if (series.eventName === undefined) return create(item, signal);
    const patch = { series: { count: series.count, lastObservedTime: microTime(series.lastSecond) } };
    try {
      await api.mergePatch(resourceTypes.event, regarding.metadata.namespace || 'default', series.eventName, patch, {
        signal,
      });
    } catch (error) {
      // The API server keeps events for an hour.
      if (!(error instanceof KubernetesError && error.status === 404)) throw error;
      await create(item, signal);
    }
  };

  const writeOrDrop = async (item: Waiting, signal: AbortSignal) => {
    const { type, reason } = item;
    for (let attempt = 0; ; attempt += 1) {
      try {
        await write(item, signal);
        metrics.events.inc({ type, reason, outcome: 'written' });
        return;
      } catch (error) {
        const mayRetry = !signal.aborted && attempt + 1 < maxAttempts;
        if (!mayRetry || !(error instanceof KubernetesError && error.retryable)) {
          metrics.events.inc({ type, reason, outcome: 'dropped' });
          logger.warn({ reason, name: item.regarding.metadata.name, error: (error as Error).message }, 'event dropped');
          return;
        }
        await pause(backoffMilliseconds(attempt, backoff, random), signal);
      }
    }
  };

  const drain = async (signal: AbortSignal) => {
    while (waiting.length > 0 && !signal.aborted) await writeOrDrop(waiting.shift() as Waiting, signal);
  };

  return {
    record(regarding, type, fullReason, note) {
      const reason = fullReason.slice(0, maxReasonLength);
      const { uid, namespace, name } = regarding.metadata;
      const occurrence = { regarding: uid ?? `${regarding.kind}/${namespace}/${name}`, type, reason, note };
      const { series, isDue } = seriesOf.note(occurrence, now());
      if (!isDue) {
        metrics.events.inc({ type, reason, outcome: 'counted' });
      } else if (waiting.length >= maxWaiting) {
        metrics.events.inc({ type, reason, outcome: 'dropped' });
      } else {
        waiting.push({ regarding, type, reason, series });
        wake();
      }
    },
    async run(signal) {
      const stop = () => wake();
      signal.addEventListener('abort', stop, { once: true });
      while (!signal.aborted) {
        await drain(signal);
        await new Promise<void>((resolve) => {
          wake = resolve;
          if (waiting.length > 0 || signal.aborted) resolve();
        });
      }
      await drain(AbortSignal.timeout(lastWritesMilliseconds));
    },
  };
}
