/** One closed loop as it is shown. Pure. */

import { printable } from '../../env/report/printable.ts';
import { explain } from '../../operator/closed-loop/explain.ts';
import { selects } from '../../policies/deliberation/selection.ts';
import type { ClosedLoop, DecisionRecord } from '../../policies/resources/closed-loop.ts';
import { fromTimestamp } from '../../policies/resources/timestamp.ts';
import { latencyLimitMilliseconds } from './latency-limit.ts';
import { type MetricView, metricViews } from './metric-view.ts';
import { type ProposalView, proposalViews } from './proposal-view.ts';
import type { Snapshot } from './snapshot.ts';
import { type TargetSize, targetSize } from './target-size.ts';

/** `trouble`: it cannot do its work. `limited`: a safety rule holds it back. */
export type Standing = 'ok' | 'limited' | 'paused' | 'trouble' | 'new';

export interface DecisionView {
  /** "High cpu → React to cpu, 4 → 6". */
  readonly text: string;
  /** Unix seconds. */
  readonly second: number;
  readonly from: number;
  readonly to: number;
  readonly losers: readonly string[];
  readonly clampedBy: readonly string[];
}

export interface ClosedLoopView {
  /** `namespace/name`, for programs. */
  readonly key: string;
  /** The same to be read. */
  readonly title: string;
  readonly namespace: string;
  readonly name: string;
  /** "Deployment/web". */
  readonly target: string;
  readonly standing: Standing;
  readonly size: TargetSize;
  readonly minReplicas: number;
  readonly maxReplicas: number | undefined;
  /** Requests/s; undefined without Prometheus. */
  readonly load: number | undefined;
  readonly p95Milliseconds: number | undefined;
  readonly p95LimitMilliseconds: number | undefined;
  /** By rank. */
  readonly metrics: readonly MetricView[];
  /** Newest first; the first is in force. */
  readonly decisions: readonly DecisionView[];
  /** A sentence: what it does now and why. */
  readonly summary: string;
  /** What is held back, refused or failing, and what to change: a sentence each. */
  readonly obstacles: readonly string[];
  /** Of every DeliberativeLoop that selects it; those that act first. */
  readonly proposals: readonly ProposalView[];
  /** What Prometheus has no answer for. */
  readonly unmeasured: readonly string[];
}

/** @param sizes of everything that a loop may scale */
export function closedLoopView(
  loop: ClosedLoop,
  snapshot: Snapshot,
  sizes: ReadonlyMap<string, TargetSize>,
): ClosedLoopView {
  const { namespace = '', name } = loop.metadata;
  const { spec, status } = loop;
  const key = `${namespace}/${name}`;
  const agents = snapshot.objects.deliberativeLoops.filter(
    (agent) => (agent.metadata.namespace ?? '') === namespace && selects(agent.spec?.closedLoops ?? {}, loop.metadata),
  );
  const explanation = explain({ closedLoop: loop, target: undefined, deliberativeLoops: [], now: snapshot.second });
  const measurement = snapshot.measurements.get(key);
  const latest = status?.recentDecisions?.length ? status.recentDecisions : [status?.lastDecision];
  return {
    key,
    title: printable(key),
    namespace: printable(namespace),
    name: printable(name),
    target: printable(explanation.target),
    standing: standingOf(loop),
    size: targetSize(loop, sizes, measurement),
    minReplicas: spec?.behavior?.minReplicas ?? 1,
    maxReplicas: spec?.behavior?.maxReplicas,
    load: finite(measurement?.load),
    p95Milliseconds: finite(measurement?.p95Milliseconds),
    p95LimitMilliseconds: snapshot.slaMilliseconds ?? latencyLimitMilliseconds(spec?.metrics ?? []),
    metrics: metricViews(loop),
    decisions: latest.filter((record) => record !== undefined).map(decisionView),
    summary: printable(explanation.summary),
    obstacles: explanation.obstacles.map((text) => printable(text)),
    proposals: proposalViews(agents, name, snapshot.second),
    unmeasured: (measurement?.missing ?? []).map((text) => printable(text)),
  };
}

function standingOf({ spec, status }: ClosedLoop): Standing {
  if (status === undefined) return 'new';
  const is = (type: string, value: string) =>
    status.conditions?.some((each) => each.type === type && each.status === value) ?? false;
  if (is('Ready', 'False') || is('Ready', 'Unknown') || is('MetricsAvailable', 'False')) return 'trouble';
  if (spec?.paused) return 'paused';
  if (is('ScalingActive', 'False')) return 'trouble';
  return is('ScalingLimited', 'True') ? 'limited' : 'ok';
}

function decisionView(record: DecisionRecord): DecisionView {
  const { from, to, time, losers = [], clampedBy = [] } = record;
  return {
    text: printable(decisionText(record)),
    second: fromTimestamp(time),
    from,
    to,
    losers: losers.map((each) => printable(each)),
    clampedBy: clampedBy.map((each) => printable(each)),
  };
}

function decisionText({ message, action, winner, from, to, vertical }: DecisionRecord): string {
  const breaches = message.replaceAll(',', ', ');
  // A set-point, a bound or the fallback moved it: "No action" would be read as if nothing had.
  if (winner === undefined && from !== to) return `${breaches}, ${from} → ${to} without a reaction`;
  const size = from === to ? `stays at ${to}` : `${from} → ${to}`;
  const pods = vertical === undefined ? size : `pods to ${vertical.to} × ${vertical.resource}`;
  return `${breaches} → ${action}, ${pods}`;
}

export function finite(value: number | undefined): number | undefined {
  return value !== undefined && Number.isFinite(value) ? value : undefined;
}
