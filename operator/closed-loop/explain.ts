/** Why a closed loop did or did not scale, from what its status, its DeliberativeLoops and its target say. Pure. */
import type { ClosedLoop, ClosedLoopStatus, DecisionRecord } from '../../policies/resources/closed-loop.ts';
import type { DeliberativeLoop } from '../../policies/resources/deliberative-loop.ts';
import type { Condition } from '../../policies/resources/resource.ts';
import { sayClamps } from './clamp-words.ts';

/** The target's size, when it exists and could be read. */
export interface TargetSize {
  readonly replicas: number;
  readonly ready: number | undefined;
}

export interface ExplainInput {
  readonly closedLoop: ClosedLoop;
  /** Undefined: it is not there. A text: why it could not be read. */
  readonly target: TargetSize | string | undefined;
  /** Those that select the loop. */
  readonly deliberativeLoops: readonly DeliberativeLoop[];
  /** Unix seconds. */
  readonly now: number;
}

export interface MissingMetric {
  readonly name: string;
  readonly reason: string;
  /** RFC 3339; the oldest decision shown that missed it without interruption. */
  readonly since: string;
  /** It may be missing for longer than the decisions shown reach back. */
  readonly orEarlier: boolean;
}

export interface AgentView {
  readonly name: string;
  readonly mode: string;
  /** The proposal for this loop. */
  readonly proposal: { readonly setPoint?: number; readonly time: string; readonly ageSeconds: number } | undefined;
  readonly isStale: boolean;
  readonly staleAfterSeconds: number;
  /** Conditions that are not as they should be. */
  readonly problems: readonly string[];
}

export interface Explanation {
  readonly namespace: string;
  readonly name: string;
  readonly target: string;
  readonly targetSize: TargetSize | string | undefined;
  readonly bounds: string;
  readonly intervalSeconds: number | undefined;
  /** One sentence: what it does now and why. */
  readonly summary: string;
  /** What is held back, refused or failing, and what to change: a sentence each. */
  readonly obstacles: readonly string[];
  readonly missing: readonly MissingMetric[];
  readonly ranking: string;
  readonly agents: readonly AgentView[];
  readonly setPoint: ClosedLoopStatus['setPoint'];
  /** Newest first. */
  readonly decisions: readonly DecisionRecord[];
}

/** Conditions whose message says what holds the loop back, when they have this status. */
const troubled: readonly { type: string; status: Condition['status'] }[] = [
  { type: 'Ready', status: 'False' },
  { type: 'Ready', status: 'Unknown' },
  { type: 'ScalingActive', status: 'False' },
  { type: 'VerticalScaling', status: 'False' },
  { type: 'PolicyEngine', status: 'False' },
];

export function explain({ closedLoop, target, deliberativeLoops, now }: ExplainInput): Explanation {
  const { metadata, spec, status } = closedLoop;
  const last = status?.lastDecision;
  const missing = missingMetrics(status);
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    target: `${spec?.targetRef?.kind ?? 'Deployment'}/${spec?.targetRef?.name ?? '?'}`,
    targetSize: target,
    bounds: `${spec?.behavior?.minReplicas ?? 1} to ${spec?.behavior?.maxReplicas ?? '?'}`,
    intervalSeconds: spec?.intervalSeconds,
    summary: summaryOf(closedLoop, last),
    obstacles: obstaclesOf(closedLoop, last, missing),
    missing,
    ranking: status?.ranking ?? '',
    agents: deliberativeLoops.map((loop) => agentView(loop, metadata.name, now)),
    setPoint: status?.setPoint,
    decisions: status?.recentDecisions ?? [],
  };
}

function summaryOf({ metadata, status }: ClosedLoop, last: DecisionRecord | undefined): string {
  if (status === undefined) {
    return 'It has no status yet: no operator has seen it. See whether one runs (duoloop operator) and serves its namespace.';
  }
  const isBehind = status.observedGeneration !== metadata.generation;
  const behind = isBehind ? ' The spec was changed since and has not been looked at yet.' : '';
  if (last === undefined) return `It has decided nothing yet.${behind}`;
  return `${sentenceOf(last)}${behind}`;
}

function sentenceOf({ message, winner, losers, from, to, vertical, clampedBy }: DecisionRecord): string {
  if (winner === undefined) {
    const quiet = message === 'No Event' ? 'No metric is in breach' : `${message}, but nothing reacts`;
    return to === from ? `${quiet}: it stays at ${to}.` : `${quiet}: ${from} → ${to} for another reason (see below).`;
  }
  const over = losers.length > 0 ? ` before ${losers.join(', ')}` : '';
  const chosen = `${message}: it reacts to ${winner}${over}`;
  if (vertical !== undefined) return `${chosen}: pods to ${vertical.to} × their ${vertical.resource} request.`;
  if (to !== from) return `${chosen}: ${from} → ${to}.`;
  return `${chosen}, and stays at ${to}${clampedBy.length > 0 ? ' because a rule holds it back' : ''}.`;
}

function obstaclesOf(
  { spec, status }: ClosedLoop,
  last: DecisionRecord | undefined,
  missing: readonly MissingMetric[],
): string[] {
  const conditions = status?.conditions ?? [];
  const found = troubled.flatMap(({ type, status: value }) =>
    conditions
      .filter((condition) => condition.type === type && condition.status === value)
      .map(({ message }) => message),
  );
  // The last decision is older than a refusal: what it was clamped by says nothing of now.
  const isRefused = conditions.some(({ type, status: value }) => type === 'Ready' && value !== 'True');
  const clamps = isRefused ? [] : sayClamps(last?.clampedBy ?? []);
  const fallback = spec?.onMissingMetrics?.action === 'Fallback' ? 'the fallback size' : 'it holds its size';
  const lack =
    missing.length > 0 ? [`Missing: ${missing.map(({ name }) => name).join(', ')}; until then ${fallback}.`] : [];
  return [...new Set([...found, ...clamps, ...lack])];
}

function missingMetrics(status: ClosedLoopStatus | undefined): MissingMetric[] {
  const records = status?.recentDecisions ?? [];
  return (status?.lastDecision?.missing ?? []).map(({ name, reason }) => {
    const present = records.findIndex(({ missing }) => !missing.some((each) => each.name === name));
    const run = present < 0 ? records : records.slice(0, present);
    return { name, reason, since: run.at(-1)?.time ?? status?.lastDecision?.time ?? '', orEarlier: present < 0 };
  });
}

function agentView(loop: DeliberativeLoop, closedLoop: string, now: number): AgentView {
  const { metadata, spec, status } = loop;
  const staleAfterSeconds = spec.guardrails?.staleAfterSeconds ?? 180;
  const proposal = status?.proposals?.find((each) => each.closedLoop === closedLoop);
  const ageSeconds = proposal && Math.max(0, now - Date.parse(proposal.time) / 1000);
  return {
    name: metadata.name,
    mode: spec.mode ?? 'Observe',
    proposal:
      proposal && ageSeconds !== undefined
        ? {
            ...(proposal.setPoint === undefined ? {} : { setPoint: proposal.setPoint }),
            time: proposal.time,
            ageSeconds: Math.round(ageSeconds),
          }
        : undefined,
    isStale: ageSeconds !== undefined && ageSeconds >= staleAfterSeconds,
    staleAfterSeconds,
    problems: (status?.conditions ?? [])
      .filter((each) => each.type === 'Ready' && each.status !== 'True')
      .map(messageOf),
  };
}

function messageOf({ reason, message }: Condition): string {
  return message || reason;
}
