/** From the answers of the metric sources to what is decided on. Pure. */
import type { ClosedLoopSpec } from '../../policies/resources/closed-loop.ts';
import type { Measured, MetricAnswer, MetricRequest, RunningLoop } from './contract.ts';

/** One request for each of the loop's metrics, in their order. */
export function metricRequests({ object, spec }: RunningLoop, podSelector: string): MetricRequest[] {
  return spec.metrics.map(({ name, source }) => ({
    namespace: object.metadata.namespace ?? '',
    loop: object.metadata.name,
    target: spec.targetRef,
    podSelector,
    metric: name,
    source,
  }));
}

/**
 * @param answers in the order of the spec's metrics
 * @param handledMessageTime Unix seconds: identity of the last pushed message that was decided on. A value of that message,
 *   or of an older one that came late, is `settled`.
 */
export function measuredOf(
  spec: ClosedLoopSpec,
  answers: readonly MetricAnswer[],
  handledMessageTime: number | undefined,
): Measured & Required<Pick<Measured, 'missing' | 'incomplete' | 'settled'>> {
  const metrics: Record<string, number> = {};
  const missing: { name: string; reason: string }[] = [];
  const incomplete: string[] = [];
  const settled: string[] = [];
  let messageTime: number | undefined;
  spec.metrics.forEach(({ name, source }, index) => {
    const answer = answers[index] ?? { missing: 'the source gave no answer' };
    if ('missing' in answer) {
      missing.push({ name, reason: answer.missing });
      return;
    }
    metrics[name] = answer.value;
    if (answer.incomplete !== undefined) incomplete.push(name);
    if (source.push === undefined || answer.time === undefined) return;
    if (handledMessageTime !== undefined && answer.time <= handledMessageTime) settled.push(name);
    else messageTime = Math.max(messageTime ?? answer.time, answer.time);
  });
  return { metrics, missing, incomplete, settled, ...(messageTime === undefined ? {} : { messageTime }) };
}

/** Whether nothing in it is new: every value there is was decided on before, and none is missing. */
export function isNothingNew(spec: ClosedLoopSpec, { settled }: Measured): boolean {
  return settled !== undefined && settled.length === spec.metrics.length;
}
