/** What of a DeliberativeLoop only other objects can tell. Pure. */
import { selectClosedLoops, selects } from '../../policies/deliberation/selection.ts';
import { creationTimestampOf } from '../../policies/resources/age.ts';
import type { DeliberativeLoop } from '../../policies/resources/deliberative-loop.ts';
import { guardrailConflict } from './guardrail-conflict.ts';
import { createFindings, type Findings, type World } from './world.ts';

/** @param object as stored: the API server has applied the defaults and checked the schema */
export function problemsOfDeliberativeLoop(object: DeliberativeLoop, world: World): Findings {
  const findings = createFindings();
  const { problem, warn } = findings;
  const { metadata, spec } = object;
  const { namespace = '' } = metadata;
  const { guardrails, intervalSeconds } = spec;
  const loops = world.closedLoops(namespace);
  const self = { metadata: { ...metadata, creationTimestamp: creationTimestampOf(object) }, spec };
  const others = world.deliberativeLoops(namespace).filter((other) => other.metadata.name !== metadata.name);
  const { conflicts, absent } = selectClosedLoops(self, [...others, self], loops);
  for (const { closedLoop, keptBy } of conflicts) {
    problem(
      'spec.closedLoops',
      `takes in ClosedLoop ${closedLoop}, which DeliberativeLoop ${keptBy} tunes already: leave it out, or set one of the two to mode Recommend`,
    );
  }
  for (const name of absent) {
    const field = `spec.closedLoops.names[${spec.closedLoops.names?.indexOf(name)}]`;
    warn(field, `there is no ClosedLoop ${name} in ${namespace}: create it, or correct the name`);
  }
  const selected = loops.filter((loop) => selects(spec.closedLoops, loop.metadata));
  if (spec.closedLoops.matchLabels && selected.length === 0) {
    warn('spec.closedLoops.matchLabels', `takes in no ClosedLoop of ${namespace} now: label them, or correct it`);
  }
  for (const loop of selected) {
    const conflict = guardrailConflict(guardrails, loop);
    if (conflict) problem(`spec.guardrails.${conflict.field}`, conflict.message);
  }
  const smallest = selected.reduce((sum, { spec: { behavior } }) => sum + behavior.minReplicas, 0);
  if (guardrails.maxReplicaBudget !== undefined && guardrails.maxReplicaBudget < smallest) {
    problem(
      'spec.guardrails.maxReplicaBudget',
      `is below ${smallest}, the sum of behavior.minReplicas of its closed loops: raise it, or lower those`,
    );
  }
  if (guardrails.staleAfterSeconds < intervalSeconds) {
    warn(
      'spec.guardrails.staleAfterSeconds',
      `is shorter than intervalSeconds ${intervalSeconds}, so that between two proposals there is none: make it two or three intervals`,
    );
  }
  return findings;
}
