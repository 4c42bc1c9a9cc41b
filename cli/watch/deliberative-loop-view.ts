/** One deliberative loop as it is shown: its policy, how it fares, and what it says is wrong. Pure. */

import { printable } from '../../env/report/printable.ts';
import { selects } from '../../policies/deliberation/selection.ts';
import type { DeliberativeLoop, DeliberativeLoopSpec } from '../../policies/resources/deliberative-loop.ts';
import type { Condition } from '../../policies/resources/resource.ts';
import { fromTimestamp } from '../../policies/resources/timestamp.ts';
import type { ClusterObjects } from './snapshot.ts';

export interface DeliberativeLoopView {
  /** `namespace/name`, for programs. */
  readonly key: string;
  /** The same to be read. */
  readonly title: string;
  readonly namespace: string;
  readonly name: string;
  readonly mode: string;
  /** Name of the policy and the first digits of its weights' sha256. */
  readonly policy: string;
  readonly intervalSeconds: number | undefined;
  /** Closed loops that it selects, of those that may be read. */
  readonly closedLoops: number;
  /** The agent's identity, and Unix seconds of its last work; undefined: no agent has taken it up. */
  readonly agent: { readonly identity: string; readonly second: number } | undefined;
  readonly reward:
    | {
        readonly mean: number;
        readonly deviation: number;
        readonly decisions: number;
        /** Over the HPA's twin. */
        readonly advantageMean: number | undefined;
      }
    | undefined;
  readonly canary:
    | {
        readonly sha256: string;
        readonly decisions: number;
        readonly abstentions: number;
        readonly agreementPercent: number | undefined;
      }
    | undefined;
  /** Conditions that are not as they should be, abstentions among them. */
  readonly problems: readonly { readonly title: string; readonly message: string }[];
}

/** Types whose True is the bad news; of all others it is False. `Applied` is False by design in two modes and while all is quiet. */
const badWhenTrue = new Set(['Conflict', 'Clamped', 'Refused']);
const neverBad = new Set(['Applied']);
/** Of a Ready that is True with a reservation. */
const reservations = new Set(['SomeAbstain', 'NewCheckpointRefused']);
/** Another agent takes over a claim that was not renewed for so many intervals. */
const silentIntervals = 3;

/** @param now Unix seconds */
export function deliberativeLoopView(
  { metadata, spec, status }: DeliberativeLoop,
  objects: ClusterObjects,
  now: number,
): DeliberativeLoopView {
  const { namespace = '', name } = metadata;
  const { agent, reward, canary } = status ?? {};
  return {
    key: `${namespace}/${name}`,
    title: printable(`${namespace}/${name}`),
    namespace: printable(namespace),
    name: printable(name),
    mode: printable(spec?.mode ?? 'Observe'),
    policy: policyText(spec?.policy, status?.policy),
    intervalSeconds: spec?.intervalSeconds,
    closedLoops: objects.closedLoops.filter(
      (loop) => (loop.metadata.namespace ?? '') === namespace && selects(spec?.closedLoops ?? {}, loop.metadata),
    ).length,
    agent: agent && { identity: printable(agent.identity), second: fromTimestamp(agent.renewTime) },
    reward: reward && {
      mean: reward.mean,
      deviation: reward.deviation,
      decisions: reward.decisions,
      advantageMean: reward.advantageMean,
    },
    canary: canary && {
      sha256: shortHash(canary.sha256),
      decisions: canary.decisions,
      abstentions: canary.abstentions,
      agreementPercent: canary.agreementPercent,
    },
    problems: [...agentProblems(spec, agent, now), ...(status?.conditions ?? []).filter(isProblem)].map(
      ({ type, reason, message }) => ({ title: printable(`${type}: ${reason}`), message: printable(message) }),
    ),
  };
}

function policyText(
  wanted: DeliberativeLoopSpec['policy'] | undefined,
  loaded: NonNullable<DeliberativeLoop['status']>['policy'],
): string {
  const specified = Object.keys(wanted ?? {}).find((key) => key !== 'canary') ?? 'none';
  if (loaded === undefined) return `${printable(specified)} (not loaded)`;
  return printable(loaded.sha256 === undefined ? loaded.name : `${loaded.name} ${shortHash(loaded.sha256)}`);
}

function shortHash(sha256: string): string {
  return printable(sha256).slice(0, 8);
}

function isProblem({ type, status, reason }: Condition): boolean {
  if (neverBad.has(type)) return false;
  if (badWhenTrue.has(type)) return status === 'True';
  return status !== 'True' || (type === 'Ready' && reservations.has(reason));
}

/** What nobody is there to write into a condition. */
function agentProblems(
  spec: DeliberativeLoopSpec | undefined,
  agent: NonNullable<DeliberativeLoop['status']>['agent'],
  now: number,
): Pick<Condition, 'type' | 'reason' | 'message'>[] {
  if (spec?.policy?.checkpoint === undefined) return [];
  const advice = 'The reactive loop goes on alone: see whether duoloop agent runs and serves this namespace.';
  if (agent === undefined) return [{ type: 'Agent', reason: 'Absent', message: `No agent has taken it up. ${advice}` }];
  const silence = now - fromTimestamp(agent.renewTime);
  if (silence < silentIntervals * (spec.intervalSeconds ?? 60)) return [];
  return [
    {
      type: 'Agent',
      reason: 'Silent',
      message: `${agent.identity} has not renewed its claim for ${silentIntervals} intervals. ${advice}`,
    },
  ];
}
