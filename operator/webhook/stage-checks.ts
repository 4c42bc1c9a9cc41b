/** What of a stage of the Distributed topology only its closed loop can tell: whether its message is about known metrics. Pure. */
import type { StoredObject } from '../../policies/resources/resource.ts';
import { createFindings, type Findings, type World } from './world.ts';

/** Any of the six kinds, as stored. */
export interface StageObject extends StoredObject {
  readonly spec: {
    readonly closedLoop: string;
    readonly metric?: string;
    readonly data?: Readonly<Record<string, unknown>>;
  };
}

export function problemsOfStage({ kind, metadata, spec }: StageObject, world: World): Findings {
  const findings = createFindings();
  const { namespace = '' } = metadata;
  const loop = world.closedLoops(namespace).find((candidate) => candidate.metadata.name === spec.closedLoop);
  if (loop === undefined) {
    findings.warn('spec.closedLoop', `there is no ClosedLoop ${spec.closedLoop} in ${namespace}: create it first`);
    return findings;
  }
  const known = loop.spec.metrics.map(({ name }) => name);
  for (const [field, name] of namedMetrics(kind, spec)) {
    if (!known.includes(name)) {
      findings.problem(
        field,
        `names "${name}", which is no metric of ClosedLoop ${spec.closedLoop}: use ${known.join(', ')}`,
      );
    }
  }
  return findings;
}

function namedMetrics(
  kind: string,
  { data = {}, metric }: StageObject['spec'],
): (readonly [field: string, name: string])[] {
  if (kind === 'ExecutionD') return metric === undefined ? [] : [['spec.metric', metric]];
  if (kind === 'MonitoringD') return typeof data.metric === 'string' ? [['spec.data.metric', data.metric]] : [];
  return Object.keys(data).map((name) => [`spec.data.${name}`, name]);
}
