/** What the stages write into each other. Pure. */
import { rememberedReactions } from '../../policies/reactive/loop-state.ts';
import type { ClosedLoopSpec } from '../../policies/resources/closed-loop.ts';
import type { DecisionDSpec, MonitoringSpec } from '../../policies/resources/stages.ts';
import type { Measured, MetricAnswer } from '../closed-loop/contract.ts';

/** A message older than this, or than two intervals, is dropped: acting on it would be acting on the past. */
const shortestLifeSeconds = 60;

/** Seconds for which a message may be carried out. A pushed one may have waited for its tick before. */
export function messageLifeSeconds(spec: ClosedLoopSpec): number {
  const waits = spec.metrics.map(({ source }) => source.push?.maxAgeSeconds ?? 0);
  return Math.max(shortestLifeSeconds, 2 * spec.intervalSeconds) + Math.max(0, ...waits);
}

/** Null removes a field in a merge patch. */
type Patch<T> = { [Key in keyof T]?: T[Key] | null };

/**
 * What was measured as Monitoring's spec. @param answers in the order of the spec's metrics
 * @param before names that the resource has values of now; those without one now are taken out
 */
export function monitoringPatch(
  spec: ClosedLoopSpec,
  answers: readonly MetricAnswer[],
  messageSecond: number,
  time: string,
  before: MonitoringSpec['data'] = {},
): Omit<Patch<MonitoringSpec>, 'data'> & { readonly data: Readonly<Record<string, number | null>> } {
  const data: Record<string, number | null> = Object.fromEntries(Object.keys(before).map((name) => [name, null]));
  const incomplete: string[] = [];
  const settled: string[] = [];
  spec.metrics.forEach(({ name, source }, index) => {
    const answer = answers[index];
    // JSON has no infinity: of a saturated service the largest number there is says the same.
    if (answer === undefined || 'missing' in answer || Number.isNaN(answer.value)) return;
    if (answer.value === Number.NEGATIVE_INFINITY) return;
    data[name] = Math.min(answer.value, Number.MAX_VALUE);
    if (answer.incomplete !== undefined) incomplete.push(name);
    // A pushed message's time is that of the whole message; another one is of a message handled before.
    if (source.push !== undefined && answer.time !== undefined && answer.time !== messageSecond) settled.push(name);
  });
  return {
    time,
    data,
    incomplete: incomplete.length > 0 ? incomplete : null,
    settled: settled.length > 0 ? settled : null,
  };
}

/** Monitoring's spec as the decision takes it. */
export function measuredFrom(spec: ClosedLoopSpec, { data = {}, incomplete, settled }: MonitoringSpec): Measured {
  const known = spec.metrics.filter(({ name }) => Object.hasOwn(data, name));
  const missing = spec.metrics.filter(({ name }) => !Object.hasOwn(data, name));
  return {
    metrics: Object.fromEntries(known.map(({ name }) => [name, data[name]])),
    missing: missing.map(({ name }) => ({ name, reason: 'has no value in the message' })),
    incomplete: incomplete ?? [],
    settled: settled ?? [],
  };
}

/** Whether the message brings something that a managed system pushed and that was not decided on before. */
export function isPushed(spec: ClosedLoopSpec, { data = {}, settled = [] }: MonitoringSpec): boolean {
  return spec.metrics.some(
    ({ name, source }) => source.push !== undefined && Object.hasOwn(data, name) && !settled.includes(name),
  );
}

/** The metrics in breach by a message: "Low cpu,High p95" → cpu, p95. What is not understood names none. */
export function metricsInMessage(message = ''): string[] {
  return message.split(',').flatMap((part) => /^(?:High|Low|Equal) (\S+)$/.exec(part.trim())?.[1] ?? []);
}

/** "React to cpu" → cpu; everything else is no reaction. */
export function metricInAction(action = ''): string | null {
  return /^React to (\S+)$/.exec(action)?.[1] ?? null;
}

/** The last reactions of every metric with one more; metrics that the loop no longer has are taken out. */
export function withEpoch(
  spec: ClosedLoopSpec,
  before: NonNullable<DecisionDSpec['data']>,
  metric: string,
  second: number,
): Readonly<Record<string, readonly number[] | null>> {
  const gone = Object.keys(before).filter((name) => !spec.metrics.some((known) => known.name === name));
  return {
    ...Object.fromEntries(gone.map((name) => [name, null])),
    [metric]: [...(before[metric] ?? []), second].slice(-rememberedReactions),
  };
}

/** In the order of the loop's metrics, on which ties depend; the API server sorts by name. */
export function epochsInOrder(
  spec: ClosedLoopSpec,
  data: DecisionDSpec['data'] = {},
): Readonly<Record<string, readonly number[]>> {
  return Object.fromEntries(spec.metrics.map(({ name }) => [name, data[name] ?? []]));
}
