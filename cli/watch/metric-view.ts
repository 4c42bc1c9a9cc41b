/** The metrics of a closed loop, best effective rank first. Pure. */

import { printable } from '../../env/report/printable.ts';
import type { ClosedLoop, ClosedLoopSpec } from '../../policies/resources/closed-loop.ts';

export interface MetricView {
  readonly name: string;
  /** In force now; 1 is first. */
  readonly rank: number;
  /** As written in the spec; another when the agent or OPA changed it. */
  readonly specifiedRank: number;
  /** Of the last decision that differed, which is when the status says it. */
  readonly value: number | undefined;
  /** "> 80 or < 30". */
  readonly thresholds: string;
  readonly breach: 'High' | 'Low' | 'Equal' | undefined;
  /** Why it has no value. */
  readonly missing: string | undefined;
}

const signs = { superior: '>', inferior: '<', equal: '=' } as const;

export function metricViews({ spec, status }: ClosedLoop): MetricView[] {
  const last = status?.lastDecision;
  const breaches = new Map(
    [...(last?.message ?? '').matchAll(/(High|Low|Equal) ([^,]+)/g)].map(([, side, name]) => [name, side]),
  );
  return (spec?.metrics ?? [])
    .map((metric) => ({
      name: printable(metric.name),
      rank: status?.ranks?.[metric.name] ?? metric.rank,
      specifiedRank: metric.rank,
      value: last?.values?.[metric.name],
      thresholds: thresholdsText(metric),
      breach: breaches.get(metric.name) as MetricView['breach'],
      missing: missingReason(last?.missing?.find(({ name }) => name === metric.name)?.reason),
    }))
    .sort((a, b) => a.rank - b.rank);
}

function thresholdsText({ thresholds }: ClosedLoopSpec['metrics'][number]): string {
  return thresholds
    .map(({ kind, value, reaction }) => {
      const track = reaction?.horizontal?.track;
      return track === undefined ? `${signs[kind] ?? '?'} ${value}` : `${track} a replica`;
    })
    .join(' or ');
}

function missingReason(reason: string | undefined): string | undefined {
  return reason === undefined ? undefined : printable(reason);
}
