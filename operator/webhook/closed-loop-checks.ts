/** What of a ClosedLoop only other objects or a parser can tell. Pure. */
import { UserError } from '../../env/errors.ts';
import { selects } from '../../policies/deliberation/selection.ts';
import { checkPromql } from '../../policies/promql/check-promql.ts';
import { doubtAboutPromql } from '../../policies/promql/one-series.ts';
import { byAge } from '../../policies/resources/age.ts';
import type { ClosedLoop } from '../../policies/resources/closed-loop.ts';
import { parseQueryTemplate, renderQuery } from '../closed-loop/sources/query-template.ts';
import { targetKey } from '../workloads/target-key.ts';
import { guardrailConflict } from './guardrail-conflict.ts';
import { createFindings, describeRef, type Findings, ownedMessage, type World } from './world.ts';

/** @param object as stored: the API server has applied the defaults and checked the schema */
export function problemsOfClosedLoop(object: ClosedLoop, world: World): Findings {
  const findings = createFindings();
  checkTarget(object, world, findings);
  checkQueries(object, findings);
  checkBounds(object, world, findings);
  return findings;
}

type Collector = ReturnType<typeof createFindings>;

function checkTarget({ metadata, spec }: ClosedLoop, world: World, { problem, warn }: Collector): void {
  const { name, namespace = '' } = metadata;
  const { targetRef } = spec;
  const field = 'spec.targetRef';
  if (targetRef.kind === 'ScalingGroup' && targetKey('', targetRef) !== targetKey('', groupRef(targetRef.name))) {
    problem(`${field}.apiVersion`, `is ${targetRef.apiVersion}: a ScalingGroup is of duoloop.dev/v1alpha1, write that`);
    return;
  }
  const owner = world.ownerOf(namespace, targetRef, { kind: 'ClosedLoop', name });
  if (owner !== undefined && owner.kind !== 'ClosedLoop') {
    const mend =
      owner.kind === 'ScalingGroup'
        ? `let the loop scale the group (apiVersion duoloop.dev/v1alpha1, kind ScalingGroup, name ${owner.name})`
        : `delete that ${owner.kind}, or name another target`;
    const found = ownedMessage(targetRef, owner, mend);
    // It watches, and is checked again when it is to go on.
    if (spec.paused) warn(field, `${found}, before the loop goes on`);
    else problem(field, found);
  }
  const target = targetKey(namespace, targetRef);
  const [other] = world
    .closedLoops(namespace)
    .filter((loop) => loop.metadata.name !== name && targetKey(namespace, loop.spec.targetRef) === target)
    .filter((loop) => byAge(loop, { metadata }) < 0)
    .sort(byAge);
  if (other !== undefined) {
    const rival = { kind: 'ClosedLoop', name: other.metadata.name } as const;
    problem(field, ownedMessage(targetRef, rival, 'add its metrics to that loop, or name another target'));
  }
  if (world.exists(namespace, targetRef) === false) {
    warn(
      field,
      `there is no ${describeRef(targetRef)} (${targetRef.apiVersion}) in ${namespace}: create it, or correct the name`,
    );
  }
}

function checkQueries({ spec }: ClosedLoop, { problem, warn }: Collector): void {
  for (const [i, { source }] of spec.metrics.entries()) {
    if (source.prometheus === undefined) continue;
    const { query, variables = {} } = source.prometheus;
    const field = `spec.metrics[${i}].source.prometheus.query`;
    const wrong = checkPromql(query) ?? placeholderProblem(query, variables);
    if (wrong !== undefined) {
      problem(field, wrong);
      continue;
    }
    const doubt = doubtAboutPromql(query);
    if (doubt !== undefined) warn(field, doubt);
  }
}

/** Names that every query may use. */
const givenVariables = { namespace: 'namespace', target: 'target' };

function placeholderProblem(query: string, variables: Readonly<Record<string, string>>): string | undefined {
  try {
    renderQuery(parseQueryTemplate(query), { ...variables, ...givenVariables });
    return undefined;
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}

function checkBounds(loop: ClosedLoop, world: World, { warn }: Collector): void {
  const { metadata, spec } = loop;
  const { namespace = '' } = metadata;
  const { targetRef, behavior, onMissingMetrics, intervalSeconds, metrics } = spec;
  if (targetRef.kind === 'ScalingGroup') {
    const group = world.scalingGroups(namespace).find((candidate) => candidate.metadata.name === targetRef.name);
    if (group && behavior.maxReplicas > group.spec.maxReplicas) {
      warn(
        'spec.behavior.maxReplicas',
        `is above maxReplicas ${group.spec.maxReplicas} of ScalingGroup ${targetRef.name}, which goes no further: raise that or lower this`,
      );
    }
  }
  const { replicas } = onMissingMetrics;
  if (replicas !== undefined && (replicas < behavior.minReplicas || replicas > behavior.maxReplicas)) {
    warn(
      'spec.onMissingMetrics.replicas',
      `is outside of behavior (${behavior.minReplicas} to ${behavior.maxReplicas}) and has no effect beyond it: choose one inside`,
    );
  }
  const scrapeSeconds = world.scrapeIntervalSeconds;
  const measured = metrics.some(({ source }) => source.prometheus !== undefined);
  if (measured && scrapeSeconds !== undefined && intervalSeconds < scrapeSeconds) {
    warn(
      'spec.intervalSeconds',
      `is shorter than the ${scrapeSeconds} s between two scrapes of Prometheus: the loop reacts to one measurement several times`,
    );
  }
  for (const tuner of world.deliberativeLoops(namespace)) {
    if (!selects(tuner.spec.closedLoops, metadata)) continue;
    const conflict = guardrailConflict(tuner.spec.guardrails, loop);
    if (conflict) {
      const own = conflict.field === 'minReplicas' ? 'maxReplicas' : 'minReplicas';
      warn(
        `spec.behavior.${own}`,
        `leaves DeliberativeLoop ${tuner.metadata.name} no set-point: its guardrails.${conflict.field} ${conflict.message}`,
      );
    }
  }
}

function groupRef(name: string) {
  return { apiVersion: 'duoloop.dev/v1alpha1', kind: 'ScalingGroup', name };
}
