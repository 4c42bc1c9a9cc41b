/** What the agent knows of each DeliberativeLoop with a checkpoint between rounds. */
import type { SeenClaim } from '../../policies/deliberation/claim.ts';
import type { LiveDeliberation } from '../../policies/deliberation/deliberation.ts';
import { createRewardAccumulator, type RewardAccumulator } from '../../policies/deliberation/live-reward.ts';
import type { DeliberativeLoop, DeliberativeLoopSpec } from '../../policies/resources/deliberative-loop.ts';
import type { LoadedPolicy } from '../checkpoints/policy-loader.ts';
import type { AgentStatus } from '../status/status-writer.ts';
import type { CanarySummary } from './canary.ts';
import type { PolicyProblem } from './readiness.ts';
import { nextDueSecond } from './schedule.ts';
import type { ParsedDeliberativeLoop } from './world.ts';

/** A policy in use: the one in force, or the canary beside it. */
export interface Track {
  policy: LoadedPolicy | undefined;
  /** Undefined: nothing decides, and `problem` says why. */
  deliberation: LiveDeliberation | undefined;
  /** RFC 3339. */
  loadedAt: string | undefined;
  /** Why the policy that the spec asks for is not the one in use. */
  problem: PolicyProblem | undefined;
  /** Closed loops whose load of the past the deliberation was told. */
  remembered: { readonly by: LiveDeliberation | undefined; readonly keys: ReadonlySet<string> } | undefined;
}

export interface Tuner {
  readonly key: string;
  readonly uid: string | undefined;
  /** As listed last, or as written last. */
  object: DeliberativeLoop;
  /** Undefined: its spec cannot be read, and `problems` says why. */
  spec: DeliberativeLoopSpec | undefined;
  problems: string | undefined;
  /** Unix seconds. */
  servedSecond: number | undefined;
  dueSecond: number;
  seen: SeenClaim | undefined;
  /** Another agent decides for it. */
  isPassive: boolean;
  readonly incumbent: Track;
  readonly canary: Track;
  canarySummary: CanarySummary | undefined;
  /** Of the policy in force, since it was loaded here. */
  rewards: RewardAccumulator;
  /** What was written last, or was to be, while the claim was ours. */
  written: AgentStatus | undefined;
}

/** Of a spec that cannot be read. */
const defaultIntervalSeconds = 60;
/** From one time it is served to the next. */
const longestWaitIntervals = 1.5;

export function intervalOf({ spec }: Pick<Tuner, 'spec'>): number {
  return spec?.intervalSeconds ?? defaultIntervalSeconds;
}

export interface TunerTable {
  /** Takes over what was listed; gives back those that are gone, made anew, or have no checkpoint any more. */
  update(listed: readonly ParsedDeliberativeLoop[], now: number): { readonly left: readonly Tuner[] };
  due(now: number): Tuner[];
  /** Infinity when there is none. */
  readonly earliestDueSecond: number;
  all(): Iterable<Tuner>;
}

export function createTunerTable(): TunerTable {
  const tuners = new Map<string, Tuner>();
  return {
    update(listed, now) {
      const left: Tuner[] = [];
      const present = new Map(listed.filter(hasCheckpoint).map((parsed) => [parsed.key, parsed]));
      for (const [key, tuner] of tuners) {
        if (present.get(key)?.object.metadata.uid === tuner.uid) continue;
        tuners.delete(key);
        left.push(tuner);
      }
      for (const parsed of present.values()) {
        const { key, object, spec, problems } = parsed;
        const known = tuners.get(key);
        if (known === undefined) {
          tuners.set(key, newTuner(parsed, now));
          continue;
        }
        Object.assign(known, { object, spec, problems });
        // Its interval was made shorter, or somebody set the clock back.
        if (known.dueSecond - now > longestWaitIntervals * intervalOf(known))
          known.dueSecond = dueSecondInStep(known, now);
      }
      return { left };
    },
    due: (now) => [...tuners.values()].filter(({ dueSecond }) => dueSecond <= now),
    get earliestDueSecond() {
      let earliest = Number.POSITIVE_INFINITY;
      for (const { dueSecond } of tuners.values()) earliest = Math.min(earliest, dueSecond);
      return earliest;
    },
    all: () => tuners.values(),
  };
}

/** By the spec as stored: one that cannot be read is told so by whoever it names. */
function hasCheckpoint({ object, spec }: ParsedDeliberativeLoop): boolean {
  const policy = spec?.policy ?? (object.spec as Partial<DeliberativeLoopSpec> | undefined)?.policy;
  return policy?.checkpoint !== undefined;
}

/** In its slot, the next time that this comes round. */
function dueSecondInStep(tuner: Pick<Tuner, 'key' | 'spec'>, now: number): number {
  const interval = intervalOf(tuner);
  return nextDueSecond(tuner.key, interval, now - interval / 2);
}

/** What nobody has served yet is served at once, everything else in its slot. */
function newTuner({ key, object, spec, problems }: ParsedDeliberativeLoop, now: number): Tuner {
  const { status } = object;
  const isNew = status?.agent === undefined && status?.policy === undefined;
  return {
    key,
    uid: object.metadata.uid,
    object,
    spec,
    problems,
    servedSecond: undefined,
    dueSecond: isNew ? now : dueSecondInStep({ key, spec }, now),
    seen: undefined,
    isPassive: false,
    incumbent: newTrack(),
    canary: newTrack(),
    canarySummary: status?.canary,
    rewards: createRewardAccumulator(),
    written: undefined,
  };
}

export function newTrack(): Track {
  return { policy: undefined, deliberation: undefined, loadedAt: undefined, problem: undefined, remembered: undefined };
}
