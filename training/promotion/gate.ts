/**
 * The gate: a candidate has to beat the policy in force and the tuned HPA on held-out traffic, in the simulator of the
 * application that it was trained on.
 */
import type { AppModel } from '../../env/apps/app-model.ts';
import { UserError } from '../../env/errors.ts';
import { createDraw } from '../../env/random.ts';
import { defaultTickSeconds, type Simulator } from '../../env/simulator/simulator.ts';
import type { Trace } from '../../env/workload/trace.ts';
import { type Checkpoint, checkpointApp } from '../../policies/actor-critic/checkpoint.ts';
import type { Policy } from '../../policies/policy.ts';
import { resolvePolicy } from '../../policies/registry.ts';
import { checkpointPolicy } from '../../policies/two-loop.ts';
import { evaluatePolicy } from '../evaluate.ts';
import { refuseTrainingTraces } from '../held-out.ts';
import { resolveTunedPolicy, sweeps, tuneBaselines } from '../tune.ts';
import { beats, type Difference, differenceOf, margins, type WindowOutcome } from './spread.ts';

export interface GateOptions {
  readonly candidate: Checkpoint;
  /** The policy in force; undefined for the first one. */
  readonly incumbent: Checkpoint | undefined;
  /** Recent traffic that the candidate has not seen. */
  readonly heldOut: readonly Trace[];
  /** Traffic to tune the HPA on; synthetic where there is none. */
  readonly training: readonly Trace[];
  /** Runs of each trace, each with measurement noise of its own. */
  readonly seeds: number;
  /** Held-out traffic, all traces together, that is needed at least. */
  readonly minHours: number;
  readonly log: (line: string) => void;
}

export interface RivalComparison {
  readonly rival: string;
  readonly isBeaten: boolean;
  readonly difference: Difference;
}

export interface GateResult {
  readonly passed: boolean;
  /** For people: the figures that decided. */
  readonly reason: string;
  readonly rivals: readonly RivalComparison[];
}

const rule = `Neither may be above 0 on average, nor its upper bound above ${margins.violationPoints} points or ${margins.podHoursPercent} %, and one upper bound has to be below 0.`;

/** As in a lab with real pods; the same for all policies. */
export const metricNoise = 0.05;
const windowBounds = { shortestSeconds: 60, longestSeconds: 3600 };
/** Fewer say nothing about how results scatter. */
const wantedWindows = 24;

/** @throws UserError when the traces are too short or not held out, or a checkpoint does not fit the application */
export async function holdGate(options: GateOptions): Promise<GateResult> {
  const { candidate, incumbent, heldOut, seeds, log } = options;
  refuseTrainingTraces(candidate.document, heldOut);
  const app = await checkpointApp(candidate.document, 'of --candidate');
  const windowSeconds = windowLength(heldOut, options.minHours);
  const play = (policy: Policy) => playInWindows(policy, { app, traces: heldOut, seeds, windowSeconds });
  const ours = await play(checkpointPolicy({ name: 'candidate', origin: 'of --candidate', checkpoint: candidate }));
  const rivals: RivalComparison[] = [];
  for (const policy of [await tunedHpa(app, options), ...incumbentPolicy(incumbent)]) {
    const difference = differenceOf(ours, await play(policy), createDraw(1));
    rivals.push({ rival: policy.name, isBeaten: beats(difference), difference });
    log(`gate: ${describe(policy.name, difference)}`);
  }
  const lost = rivals.filter(({ isBeaten }) => !isBeaten);
  const told = (lost.length > 0 ? lost : rivals).map(({ rival, difference }) => describe(rival, difference));
  const verdict = lost.length > 0 ? 'does not beat' : 'beats';
  return {
    passed: lost.length === 0,
    reason: `on ${heldOut.length} held-out traces × ${seeds} seeds it ${verdict} ${told.join('; ')}. ${rule}`,
    rivals,
  };
}

function incumbentPolicy(checkpoint: Checkpoint | undefined): Policy[] {
  return checkpoint ? [checkpointPolicy({ name: 'the incumbent', origin: 'in force', checkpoint })] : [];
}

async function tunedHpa(app: AppModel, { training, log }: GateOptions): Promise<Policy> {
  if (training.length === 0) return resolveTunedPolicy('hpa-tuned', app, log);
  log(`tuning the HPA on ${training.length} training traces`);
  const targets = (await tuneBaselines(app, training, log, ['hpa-tuned'])).policies['hpa-tuned'];
  const { name, description } = await resolvePolicy('hpa-tuned');
  if (targets === undefined) throw new Error('tuning the HPA gave no target');
  return { ...sweeps['hpa-tuned'].policyFor(targets.targets, targets.behavior), name, description };
}

const lastSecond = ({ seconds }: Trace) => seconds[seconds.length - 1];

/** @throws UserError when the traces are shorter than that together */
export function windowLength(traces: readonly Trace[], minHours: number): number {
  const totalSeconds = traces.reduce((sum, trace) => sum + lastSecond(trace), 0);
  if (totalSeconds < minHours * 3600) {
    throw new UserError(
      'PROMOTION_TRACES',
      `the held-out traces are ${(totalSeconds / 3600).toFixed(2)} hours long together, at least ${minHours} are needed to tell policies apart: record more, or lower --min-hours`,
    );
  }
  const { shortestSeconds, longestSeconds } = windowBounds;
  return Math.min(longestSeconds, Math.max(shortestSeconds, totalSeconds / wantedWindows));
}

export interface PlayOptions {
  readonly app: AppModel;
  readonly traces: readonly Trace[];
  readonly seeds: number;
  readonly windowSeconds: number;
}

/** Windows of all traces one after the other; those of the seeds, which share their traffic, are summed. */
export async function playInWindows(policy: Policy, options: PlayOptions): Promise<WindowOutcome[]> {
  const { app, traces, seeds, windowSeconds } = options;
  const windowTicks = Math.max(1, Math.round(windowSeconds / defaultTickSeconds));
  const lanes = traces.flatMap((trace) => Array.from({ length: seeds }, () => trace));
  const recorders = traces.map((trace) =>
    createWindows(Math.ceil(lastSecond(trace) / defaultTickSeconds), windowTicks),
  );
  const before = lanes.map(() => ({ violationTicks: 0, podTicks: 0 }));
  const onTick = (tick: number, { totals }: Simulator) => {
    for (const [lane, seen] of before.entries()) {
      const violationTicks = totals.violationTicks[lane];
      const podTicks = totals.podTicks[lane];
      recorders[Math.floor(lane / seeds)].add(tick, violationTicks - seen.violationTicks, podTicks - seen.podTicks);
      seen.violationTicks = violationTicks;
      seen.podTicks = podTicks;
    }
  };
  await evaluatePolicy(policy, { app, traces: lanes, metricNoise, seed: 1, onTick });
  return recorders.flatMap(({ windows }) => windows);
}

/** What is left over at a trace's end goes into its last window. */
function createWindows(ticks: number, windowTicks: number) {
  const count = Math.max(1, Math.floor(ticks / windowTicks));
  const windows = Array.from({ length: count }, () => ({ ticks: 0, violationTicks: 0, podTicks: 0 }));
  return {
    windows,
    add(tick: number, violationTicks: number, podTicks: number) {
      if (tick >= ticks) return;
      const window = windows[Math.min(count - 1, Math.floor(tick / windowTicks))];
      window.ticks++;
      window.violationTicks += violationTicks;
      window.podTicks += podTicks;
    },
  };
}

function describe(rival: string, { violationPoints, podHoursPercent }: Difference): string {
  const signed = (value: number) => `${value >= 0 ? '+' : '−'}${Math.abs(value).toFixed(2)}`;
  const range = ({ mean, low, high }: Difference['violationPoints']) =>
    `${signed(mean)} [${signed(low)}, ${signed(high)}]`;
  return `${rival}: violations ${range(violationPoints)} points, pod-hours ${range(podHoursPercent)} %`;
}
