/** How long pods took to start, from kube-state-metrics. */
import type { PrometheusSample } from '../cluster/prometheus.ts';
import type { PodStart } from './history.ts';

/** `$namespace` and `$range` are to be filled in. Of a pod that lost readiness and got it back, the first time counts. */
export const podStartQueries = {
  /** Unix second of its creation, and of its first readiness within the range; per pod. */
  created: 'max by (pod) (last_over_time(kube_pod_created{namespace="$namespace"}[$range]))',
  ready: 'min by (pod) (min_over_time(kube_pod_status_ready_time{namespace="$namespace"}[$range]))',
  restarts:
    'sum by (pod) (max_over_time(kube_pod_container_status_restarts_total{namespace="$namespace"}[$range])) > 0',
  owners: 'max by (pod,owner_kind,owner_name) (last_over_time(kube_pod_owner{namespace="$namespace"}[$range]))',
} as const;

export type PodStartAnswers = Readonly<Record<keyof typeof podStartQueries, readonly PrometheusSample[]>>;

export interface StartRange {
  readonly fromSecond: number;
  readonly stepSeconds: number;
  readonly steps: number;
}

/** Name of the Deployment (by its ReplicaSet, whose name ends in a hash) or StatefulSet; undefined for other owners. */
export function workloadOf({ owner_kind, owner_name }: Readonly<Record<string, string>>): string | undefined {
  if (owner_kind === 'ReplicaSet') return /^(.+)-[^-]+$/.exec(owner_name ?? '')?.[1];
  return owner_kind === 'StatefulSet' ? owner_name : undefined;
}

/**
 * Start-ups per workload of pods created in the range. Pods with restarts are left out: what they took to become ready
 * includes a failure.
 */
export function podStarts(answers: PodStartAnswers, { fromSecond, stepSeconds, steps }: StartRange) {
  const restarted = new Set(answers.restarts.map(({ labels }) => labels.pod));
  const created = new Map(answers.created.map(({ labels, value }) => [labels.pod, value]));
  const owners = new Map(answers.owners.map(({ labels }) => [labels.pod, workloadOf(labels)]));
  const starts = new Map<string, PodStart[]>();
  for (const { labels, value: readySecond } of answers.ready) {
    const createdSecond = created.get(labels.pod);
    const workload = owners.get(labels.pod);
    if (workload === undefined || createdSecond === undefined || restarted.has(labels.pod)) continue;
    const step = Math.ceil((readySecond - fromSecond) / stepSeconds);
    const seconds = readySecond - createdSecond;
    // Both are whole seconds, each cut down by itself.
    if (!(createdSecond >= fromSecond && seconds >= 0 && step < steps)) continue;
    const own = starts.get(workload) ?? [];
    own.push({ step, seconds });
    starts.set(workload, own);
  }
  for (const own of starts.values()) own.sort((a, b) => a.step - b.step || a.seconds - b.seconds);
  return starts;
}
