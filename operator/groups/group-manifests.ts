/** Groups of names as manifests of our resources. Pure. */
import { createHash } from 'node:crypto';
import { UserError } from '../../env/errors.ts';
import { apiVersion } from '../../policies/resources/resource.ts';
import type { GroupLine } from './parse-groups.ts';

export interface GroupManifestOptions {
  readonly namespace: string;
  readonly kind: 'Deployment' | 'StatefulSet';
  /** Replicas of a member per replica of its group, by name of the member; 1 where left out. */
  readonly ratios: Readonly<Record<string, number>>;
  readonly replicas: number;
  readonly minReplicas: number;
  readonly maxReplicas: number;
  /** Value of the label `app`. */
  readonly appName?: string;
  /** Scale every group to a random size this often. */
  readonly actionIntervalSeconds?: number;
}

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
  };
  readonly spec: object;
}

/**
 * One ScalingGroup for each line. Without lines, one whose members are found by the label `app`.
 * @throws UserError `groups.ratio` for a ratio of something that is no member
 */
export function groupManifests(lines: readonly GroupLine[], options: GroupManifestOptions): Manifest[] {
  const { appName, ratios, kind, actionIntervalSeconds } = options;
  const known = new Set(lines.flat());
  const stray = lines.length > 0 ? Object.keys(ratios).filter((name) => !known.has(name)) : Object.keys(ratios);
  if (stray.length > 0) {
    throw new UserError(
      'groups.ratio',
      `--ratio ${stray[0]}=${ratios[stray[0]]}: ${stray[0]} is in no group; name a member`,
    );
  }
  const groups: Manifest[] = lines.map((members) =>
    scalingGroup(groupName(members), options, {
      members: members.map((name) => ({
        targetRef: { apiVersion: 'apps/v1', kind, name },
        ...(ratios[name] !== undefined && { ratio: ratios[name] }),
      })),
    }),
  );
  if (lines.length === 0 && appName !== undefined) {
    // A label may have capitals and underscores, a name may not.
    const name = groupName([appName.toLowerCase().replace(/[^a-z0-9]/g, '-')]);
    groups.push(scalingGroup(name, options, { memberSelector: { kind, matchLabels: { app: appName } } }));
  }
  if (actionIntervalSeconds === undefined) return groups;
  const loops = groups.map(({ metadata: { name } }) => closedLoop(name, options));
  return [...groups, ...loops, randomScaling(groups, options, actionIntervalSeconds)];
}

const suffix = '-group';
const longestName = 253;

/**
 * By the first member, which is in no other group: the same however the file is sorted, and whoever joins at the end of the
 * line. A name that would be too long ends in a digest.
 */
export function groupName([first]: GroupLine): string {
  if (first.length + suffix.length <= longestName) return `${first}${suffix}`;
  const digest = createHash('sha256').update(first).digest('hex').slice(0, 8);
  const kept = first.slice(0, longestName - suffix.length - digest.length - 1).replace(/[-.]+$/, '');
  return `${kept}-${digest}${suffix}`;
}

function metadata(name: string, { namespace, appName }: GroupManifestOptions) {
  const labels = { 'app.kubernetes.io/managed-by': 'duoloop', ...(appName !== undefined && { app: appName }) };
  return { name, namespace, labels };
}

function scalingGroup(name: string, options: GroupManifestOptions, members: object): Manifest {
  const { replicas, minReplicas, maxReplicas } = options;
  const spec = { replicas, minReplicas, maxReplicas, ...members };
  return { apiVersion, kind: 'ScalingGroup', metadata: metadata(name, options), spec };
}

/** What a set-point is given to. Its one threshold adds pods when the random size is far too small. */
function closedLoop(name: string, options: GroupManifestOptions): Manifest {
  const { minReplicas, maxReplicas } = options;
  const spec = {
    targetRef: { apiVersion, kind: 'ScalingGroup', name },
    metrics: [
      {
        name: 'cpu',
        rank: 1,
        source: { resource: { name: 'cpu' } },
        thresholds: [{ kind: 'superior', value: 90, reaction: { horizontal: { by: 1 } } }],
      },
    ],
    behavior: { minReplicas: Math.max(1, minReplicas), maxReplicas },
  };
  return { apiVersion, kind: 'ClosedLoop', metadata: metadata(name, options), spec };
}

const longestStaleSeconds = 86_400;

function randomScaling(groups: readonly Manifest[], options: GroupManifestOptions, intervalSeconds: number): Manifest {
  const { minReplicas, maxReplicas } = options;
  const spec = {
    closedLoops: { names: groups.map((group) => group.metadata.name) },
    policy: { randomGroup: {} },
    // Any size within the bounds, as it was: Bounded would take steps of four.
    mode: 'Autonomous',
    intervalSeconds,
    guardrails: {
      minReplicas: Math.max(1, minReplicas),
      maxReplicas,
      staleAfterSeconds: Math.min(longestStaleSeconds, 3 * intervalSeconds),
    },
  };
  return { apiVersion, kind: 'DeliberativeLoop', metadata: metadata('random-groups', options), spec };
}
