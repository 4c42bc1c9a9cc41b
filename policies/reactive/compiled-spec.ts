/** A loop spec as flat numbers, for the batched form. */
import { overThresholdReference } from './breaches.ts';
import { type LoopMetric, type LoopSpec, reactionGoesUp } from './loop-spec.ts';
import { stepOf } from './targets.ts';

export const reactionKind = { none: 0, step: 1, track: 2, vertical: 3 } as const;

/** What one side of a metric's thresholds calls for. */
export interface CompiledReaction {
  readonly kind: number;
  readonly up: boolean;
  readonly pods: number;
  readonly percent: number;
  /** Vertical: rounded to float32, in which the fleet keeps its pod sizes. */
  readonly by: number;
  readonly min: number;
  readonly max: number;
}

export interface CompiledMetric {
  readonly name: string;
  /** ±Infinity and NaN where there is no such threshold: the comparison is then never true. */
  readonly superior: number;
  readonly inferior: number;
  readonly equal: number;
  /** 0 when the metric does not track. */
  readonly track: number;
  readonly overThresholdReference: number;
  readonly onSuperior: CompiledReaction;
  readonly onInferior: CompiledReaction;
  readonly onEqual: CompiledReaction;
}

const nothing: CompiledReaction = { kind: reactionKind.none, up: false, pods: 0, percent: 0, by: 0, min: 0, max: 0 };

export function compileMetrics(spec: LoopSpec): CompiledMetric[] {
  return spec.metrics.map(compileMetric);
}

function compileMetric(metric: LoopMetric): CompiledMetric {
  const track = metric.thresholds[0].reaction.horizontal?.track ?? 0;
  const of = (kind: 'superior' | 'inferior' | 'equal') =>
    metric.thresholds.find((threshold) => threshold.kind === kind);
  return {
    name: metric.name,
    superior: of('superior')?.value ?? Number.POSITIVE_INFINITY,
    inferior: of('inferior')?.value ?? Number.NEGATIVE_INFINITY,
    equal: of('equal')?.value ?? Number.NaN,
    track,
    overThresholdReference: overThresholdReference(metric),
    onSuperior: track > 0 ? { ...nothing, kind: reactionKind.track, up: true } : compileReaction(of('superior')),
    onInferior: track > 0 ? { ...nothing, kind: reactionKind.track, up: false } : compileReaction(of('inferior')),
    onEqual: compileReaction(of('equal')),
  };
}

function compileReaction(threshold: LoopMetric['thresholds'][number] | undefined): CompiledReaction {
  if (threshold === undefined) return nothing;
  const { horizontal, vertical } = threshold.reaction;
  const up = reactionGoesUp(threshold.reaction) ?? true;
  if (vertical) {
    const { by, min, max } = vertical;
    return { ...nothing, kind: reactionKind.vertical, up, by, min: Math.fround(min), max: Math.fround(max) };
  }
  return { ...nothing, kind: reactionKind.step, up, ...stepOf(horizontal?.by ?? 0) };
}
