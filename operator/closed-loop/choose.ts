/** Who picks the metric to react to: the ranks, or the policy engine that the spec names. */
import { breachCode, type MetricReading } from '../../policies/reactive/breaches.ts';
import { readMetrics } from '../../policies/reactive/decide.ts';
import { toTimestamp } from '../../policies/resources/timestamp.ts';
import type { Finding } from './conditions.ts';
import type { Measured, RunningLoop } from './contract.ts';
import { loopSpecOf } from './loop-spec-of.ts';
import type { ClosedLoopMetrics } from './metrics.ts';
import type { PolicyAnswer, PolicyDocument, PolicyEngine } from './opa.ts';
import type { Standing } from './standing.ts';
import { targetText } from './status.ts';

export interface Choice {
  /** As `decide` takes it: null is no reaction, undefined leaves it to the ranks. */
  readonly chosen: string | null | undefined;
  /** Of condition PolicyEngine; undefined when nothing was asked. */
  readonly finding: Finding | undefined;
}

export type Choose = (
  loop: RunningLoop,
  standing: Extract<Standing, { workload: unknown }>,
  measured: Measured,
  now: number,
  signal: AbortSignal,
) => Promise<Choice>;

const byRanks: Choice = { chosen: undefined, finding: undefined };

/** Never rejects. A tick in which nothing is in breach has nothing to choose, and the engine is not asked. */
export function createChoose(engine: PolicyEngine, metrics: ClosedLoopMetrics): Choose {
  return async (loop, { workload, bounds }, measured, now, signal) => {
    const { opa } = loop.spec.decision;
    if (opa === undefined) return byRanks;
    const observation = { groupSize: workload.replicas, metrics: measured.metrics };
    const readings = readMetrics(loopSpecOf(loop.spec, bounds, loop.guardrails), observation);
    const reported = readings.filter(
      ({ name, breach }) => breach !== breachCode.none && !(measured.settled?.includes(name) ?? false),
    );
    if (reported.length === 0) return byRanks;
    const document = policyDocument(loop, readings, workload.replicas, measured.messageTime ?? now);
    const answer = await engine.ask(opa, document, now, signal);
    const failure = failureOf(answer, loop);
    if (failure !== undefined) {
      metrics.policyEngineFailures.inc();
      const instead = opa.onFailure === 'Hold' ? 'nothing is done' : 'the ranks decide';
      const message = `${failure}; until then ${instead} (decision.opa.onFailure)`;
      const finding: Finding = { type: 'PolicyEngine', status: 'False', reason: 'NoAnswer', message };
      return { chosen: opa.onFailure === 'Hold' ? null : undefined, finding };
    }
    const message = 'The policy engine chooses the reaction.';
    const finding: Finding = { type: 'PolicyEngine', status: 'True', reason: 'Answered', message };
    return { chosen: 'metric' in answer ? answer.metric : null, finding };
  };
}

function failureOf(answer: PolicyAnswer, { spec }: RunningLoop): string | undefined {
  if ('failure' in answer) return answer.failure;
  if (answer.metric === null || spec.metrics.some(({ name }) => name === answer.metric)) return undefined;
  return `The policy engine named "${answer.metric}", which is no metric of this loop`;
}

const breachWords: Readonly<Record<number, string>> = {
  [breachCode.superior]: 'High',
  [breachCode.inferior]: 'Low',
  [breachCode.equal]: 'Equal',
};

export function policyDocument(
  { object, spec, state }: RunningLoop,
  readings: readonly MetricReading[],
  replicas: number,
  time: number,
): PolicyDocument {
  const { namespace = '', name } = object.metadata;
  const measured = readings.filter(({ value }) => Number.isFinite(value));
  const breached = readings.filter(({ breach }) => breach !== breachCode.none);
  return {
    loop: { namespace, name, target: targetText(spec.targetRef) },
    metrics: Object.fromEntries(measured.map((reading) => [reading.name, reading.value])),
    breaches: Object.fromEntries(breached.map((reading) => [reading.name, breachWords[reading.breach]])),
    ranks: state.ranks,
    replicas,
    time: toTimestamp(time),
  };
}
