/** Puts the Prometheus side together: each closed loop is measured by the queries of the DeliberativeLoop that selects it. */
import { readFleetHistory } from '../../env/cluster/live/fleet-history.ts';
import type { MetricPreset } from '../../env/cluster/live/metric-queries.ts';
import { createMetricsSource } from '../../env/cluster/live/metrics-source.ts';
import { presetQueries } from '../../env/cluster/live/presets.ts';
import type { PrometheusClient } from '../../env/cluster/prometheus.ts';
import { UserError } from '../../env/errors.ts';
import { selects } from '../../policies/deliberation/selection.ts';
import type { ObservationSource } from '../../policies/resources/deliberative-loop.ts';
import type { HistoryPoint, HistoryWindow } from './history.ts';
import {
  createMeasurementReader,
  type MeasurementReader,
  type ObservedGroup,
  type Observer,
} from './measurement-reader.ts';
import { type WatchedSystem, watchedSystem } from './observed-system.ts';
import type { ClusterObjects } from './snapshot.ts';

export interface ObservationOptions {
  /** Of `prometheus`, as messages name it. */
  readonly url: string;
  readonly prometheus: PrometheusClient;
  /** Of closed loops for which no DeliberativeLoop names one. */
  readonly preset: MetricPreset;
  readonly rateWindowSeconds: number;
  readonly intervalSeconds: number;
  readonly window: HistoryWindow;
  /** Unix time in seconds. */
  readonly now: () => number;
  readonly objects: () => ClusterObjects;
  readonly onHistory: (key: string, points: readonly HistoryPoint[]) => void;
}

/** @throws UserError `metrics.queries` when the preset has no queries of its own */
export function createObservation(options: ObservationOptions): MeasurementReader {
  const { url, preset, window, intervalSeconds, now, objects, onHistory } = options;
  const observers = new Map<string, Observer>();
  createObserver(options, preset, {});
  const observerOf = ({ preset: own = preset, queries = {} }: Partial<ObservationSource>): Observer | undefined => {
    const key = JSON.stringify([own, queries]);
    const known = observers.get(key);
    if (known !== undefined) return known;
    try {
      const made = createObserver(options, own, queries);
      observers.set(key, made);
      return made;
    } catch (error) {
      // Of one DeliberativeLoop, whose conditions say so; the others are still measured.
      if (error instanceof UserError) return undefined;
      throw error;
    }
  };
  return createMeasurementReader({
    name: `Prometheus ${url}`,
    groups: () => groupsOf(objects(), observerOf),
    window,
    intervalSeconds,
    now,
    onHistory,
  });
}

function createObserver(
  { prometheus, rateWindowSeconds, now }: ObservationOptions,
  preset: MetricPreset,
  overrides: Partial<ObservationSource['queries']>,
): Observer {
  const queries = presetQueries(preset, overrides);
  return {
    source: createMetricsSource({ prometheus, queries, rateWindowSeconds, presetName: preset, now }),
    readHistory: (system, { seconds, stepSeconds }, second, signal) =>
      readFleetHistory({
        prometheus,
        queries,
        system,
        fromSecond: second - seconds,
        toSecond: second,
        stepSeconds,
        rateWindowSeconds,
        signal,
      }),
  };
}

function groupsOf(
  { closedLoops, deliberativeLoops, scalingGroups }: ClusterObjects,
  observerOf: (observation: Partial<ObservationSource>) => Observer | undefined,
): ObservedGroup[] {
  const groups = new Map<Observer, WatchedSystem[]>();
  for (const loop of closedLoops) {
    const system = watchedSystem(loop, scalingGroups);
    if (system === undefined) continue;
    const tuner = deliberativeLoops.find(
      ({ metadata, spec }) =>
        metadata.namespace === loop.metadata.namespace && selects(spec?.closedLoops ?? {}, loop.metadata),
    );
    const observer = observerOf(tuner?.spec?.observation ?? {});
    if (observer === undefined) continue;
    const systems = groups.get(observer) ?? [];
    systems.push(system);
    groups.set(observer, systems);
  }
  return [...groups].map(([observer, systems]) => ({ observer, systems }));
}
