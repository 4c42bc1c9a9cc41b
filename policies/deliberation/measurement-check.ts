/** Whether a measurement is something to decide on: all there, fresh, and possible for an application such as the app model's. */
import type { AppModel } from '../../env/apps/app-model.ts';
import type { SystemMeasurement } from '../../env/ports.ts';
import { noPodP95Milliseconds } from '../../env/simulator/measured-surface.ts';
import type { AbstentionReason, LoopView } from './contract.ts';

export interface Finding {
  readonly reason: AbstentionReason;
  readonly message: string;
}

export interface CheckedMeasurement {
  readonly finding: Finding | undefined;
  /** What is there may enter the history; false for what is stale, or not to be believed. */
  readonly isUsable: boolean;
}

export interface MeasurementCheckOptions {
  readonly app: AppModel;
  /** Load that the largest group carries within the SLA, requests/s. */
  readonly largestCapacity: number;
  readonly metricNames: readonly string[];
  readonly staleAfterSeconds: number;
}

export type MeasurementCheck = (view: LoopView) => CheckedMeasurement;

/**
 * Traces of training peak at about 4 times the nominal load, scaled by up to 1.4; pods are up to 1.6 times as strong as
 * calibrated. Beyond twice of either, nothing was learned, and more likely the unit or the query is wrong.
 */
const trainedLoadOfNominal = 4 * 1.4;
const trainedCapacityFactor = 1.6;
const loadMargin = 2;
/** A pod may use more CPU than it requests, where its limit is higher. */
const largestUsePercent = 1000;
const p95Margin = 10;
const idleLoadOfNominal = 0.01;
const shownLines = 3;

/** Requests/s; more cannot be meant. */
export function largestBelievableLoad(app: AppModel, largestCapacity: number): number {
  return (
    loadMargin * Math.max(trainedLoadOfNominal * app.nominalLoad, trainedCapacityFactor * finiteOr0(largestCapacity))
  );
}

export function createMeasurementCheck(options: MeasurementCheckOptions): MeasurementCheck {
  const { app, metricNames, staleAfterSeconds } = options;
  const { services, maxGroupSize } = app;
  const largestLoad = largestBelievableLoad(app, options.largestCapacity);
  const timeoutMilliseconds =
    app.serving.kind === 'queueing' ? app.serving.timeoutSeconds * 1000 : noPodP95Milliseconds;
  const largestP95 = p95Margin * Math.max(timeoutMilliseconds, app.slaP95Milliseconds);
  // Memory is of no use to a policy whose loop does not react to it, and measured models count it in another unit.
  const needsMemory = metricNames.includes('memory');

  function missing(measurement: SystemMeasurement): string | undefined {
    const names: string[] = [];
    if (Number.isNaN(measurement.load)) names.push('load');
    if (Number.isNaN(measurement.p95Milliseconds) && measurement.load !== 0) names.push('p95');
    for (const [i, { name }] of services.entries()) {
      if (Number.isNaN(measurement.cpuPercent[i])) names.push(`cpu of ${name}`);
      if (needsMemory && Number.isNaN(measurement.memoryPercent[i])) names.push(`memory of ${name}`);
    }
    if (names.length === 0) return undefined;
    const why = measurement.missing.slice(0, shownLines).join('; ');
    return `${names.join(', ')} could not be measured: ${why || 'see whether the queries of spec.observation return series for its workloads'}`;
  }

  function impossible(measurement: SystemMeasurement): string | undefined {
    const { load, p95Milliseconds, cpuPercent, memoryPercent } = measurement;
    if (isOutside(load, largestLoad)) {
      return `load is ${said(load)} requests/s, and app model ${app.name} was trained up to about ${said(largestLoad / loadMargin)}: check the query's unit, or calibrate and train for such traffic`;
    }
    if (isOutside(p95Milliseconds, largestP95)) {
      return `p95 is ${said(p95Milliseconds)} ms, beyond any timeout of app model ${app.name}: check that the query yields milliseconds`;
    }
    for (const [i, { name }] of services.entries()) {
      if (isOutside(cpuPercent[i], largestUsePercent)) {
        return `cpu of ${name} is ${said(cpuPercent[i])} % of its request: check that the query yields percent, and the pods' requests`;
      }
      if (needsMemory && isOutside(memoryPercent[i], largestUsePercent)) {
        return `memory of ${name} is ${said(memoryPercent[i])} % of its limit: check that the query yields percent, and the pods' limits`;
      }
    }
    if (load > idleLoadOfNominal * app.nominalLoad && cpuPercent.every((cpu) => cpu === 0)) {
      return `cpu is 0 under ${said(load)} requests/s: see whether the query finds the pods of its workloads`;
    }
    return undefined;
  }

  return ({ measurement, groupSize }) => {
    if (measurement === undefined) {
      return unusable('MetricsMissing', 'nothing was measured: see whether Prometheus answers the agent');
    }
    const { ageSeconds, cpuPercent } = measurement;
    if (cpuPercent.length !== services.length) {
      return unusable(
        'MetricsMissing',
        `${cpuPercent.length} workloads were measured, but app model ${app.name} has ${services.length} services (${services.map(({ name }) => name).join(', ')}): name a workload for each in spec.observation.services`,
      );
    }
    const wrong = impossible(measurement);
    if (wrong !== undefined) return unusable('OutOfDistribution', wrong);
    if (ageSeconds > staleAfterSeconds) {
      return unusable(
        'MetricsStale',
        `the oldest sample is ${said(ageSeconds)} s old, and nothing older than ${staleAfterSeconds} s is decided on: see whether Prometheus still scrapes its workloads`,
      );
    }
    const gap = missing(measurement);
    if (gap !== undefined) return usable('MetricsMissing', gap);
    if (!(groupSize >= 0 && groupSize < Number.POSITIVE_INFINITY)) {
      return usable('MetricsMissing', 'the size of its target is not known: see the conditions of the ClosedLoop');
    }
    if (groupSize > maxGroupSize) {
      return usable(
        'OutOfDistribution',
        `its size is ${said(groupSize)}, and app model ${app.name} ends at ${maxGroupSize}: calibrate and train up to this size, or lower spec.behavior.maxReplicas`,
      );
    }
    return { finding: undefined, isUsable: true };
  };
}

function usable(reason: AbstentionReason, message: string): CheckedMeasurement {
  return { finding: { reason, message }, isUsable: true };
}

function unusable(reason: AbstentionReason, message: string): CheckedMeasurement {
  return { finding: { reason, message }, isUsable: false };
}

/** NaN is missing, not outside. */
function isOutside(value: number, largest: number): boolean {
  return value < 0 || value > largest;
}

function finiteOr0(value: number): number {
  return Number.isFinite(value) ? value : 0;
}

function said(value: number): string {
  return String(Number(value.toPrecision(4)));
}
