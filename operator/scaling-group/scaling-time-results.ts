/** Scaling times as CSV and as medians with their spread. */
import { median } from 'simple-statistics';
import type { PatchingMode, ScalingTime } from './scaling-time.ts';

export interface Spread {
  readonly lowest: number;
  readonly median: number;
  readonly highest: number;
}

export interface ScalingTimeSummary {
  readonly members: number;
  readonly mode: PatchingMode;
  readonly repetitions: number;
  readonly patchedMilliseconds: Spread;
  readonly readyMilliseconds: Spread;
}

const round = (milliseconds: number) => Math.round(milliseconds * 10) / 10;

/** A row a repetition. */
export function formatScalingTimes(samples: readonly ScalingTime[]): string {
  const header = 'members,mode,latency_milliseconds,repetition,patched_milliseconds,ready_milliseconds';
  const rows = samples.map((sample) =>
    [
      sample.members,
      sample.mode,
      sample.latencyMilliseconds,
      sample.repetition,
      round(sample.patchedMilliseconds),
      round(sample.readyMilliseconds),
    ].join(','),
  );
  return `${[header, ...rows].join('\n')}\n`;
}

/** One per number of members and mode, in the order in which they were measured. */
export function summarizeScalingTimes(samples: readonly ScalingTime[]): ScalingTimeSummary[] {
  const groups = new Map<string, ScalingTime[]>();
  for (const sample of samples) {
    const key = `${sample.members} ${sample.mode}`;
    groups.set(key, [...(groups.get(key) ?? []), sample]);
  }
  return [...groups.values()].map((ofGroup) => ({
    members: ofGroup[0].members,
    mode: ofGroup[0].mode,
    repetitions: ofGroup.length,
    patchedMilliseconds: spreadOf(ofGroup.map((sample) => sample.patchedMilliseconds)),
    readyMilliseconds: spreadOf(ofGroup.map((sample) => sample.readyMilliseconds)),
  }));
}

function spreadOf(values: number[]): Spread {
  return { lowest: round(Math.min(...values)), median: round(median(values)), highest: round(Math.max(...values)) };
}
