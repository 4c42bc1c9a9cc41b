/** Which members a loop over an app model has, and their replicas for all lanes. */
import type { AppModel } from '../../env/apps/app-model.ts';
import { UserError } from '../../env/errors.ts';
import type { LoopSpec } from './loop-spec.ts';
import { type MemberBounds, memberReplicas } from './targets.ts';

/**
 * One entry per service of the app model, in its order: what the spec says of the member of that name, or else
 * (a spec without members) the app model's own ratios and bounds.
 * @throws UserError `loop-members` when the spec's members are not the app model's services
 */
export function membersOf(spec: LoopSpec, app: AppModel): MemberBounds[] {
  if (spec.members.length === 0) {
    return app.services.map(({ ratio, minReplicas, maxReplicas }) => ({ ratio, min: minReplicas, max: maxReplicas }));
  }
  const unknown = spec.members.filter(({ name }) => !app.services.some((service) => service.name === name));
  const absent = app.services.filter(({ name }) => !spec.members.some((member) => member.name === name));
  if (unknown.length > 0 || absent.length > 0) {
    throw new UserError(
      'loop-members',
      `The reactive loop's members are not the services of app model "${app.name}": ` +
        `${[...unknown.map(({ name }) => `${name} is no service`), ...absent.map(({ name }) => `${name} is no member`)].join(', ')}. ` +
        'Name every service once, or leave members out to take the app model’s ratios.',
    );
  }
  return app.services.map(({ name }) => {
    const member = spec.members.find((candidate) => candidate.name === name);
    if (member === undefined) throw new Error(`member ${name} was checked above`);
    const { ratio, min, max } = member;
    return { ratio, min, max };
  });
}

/** Writes every member's replicas, `service * lanes + lane`. */
export function writeMembers(members: readonly MemberBounds[], groupSize: Int32Array, replicas: Int32Array): void {
  const lanes = groupSize.length;
  for (let service = 0; service < members.length; service++) {
    const { ratio, min, max } = members[service];
    const row = service * lanes;
    for (let lane = 0; lane < lanes; lane++) replicas[row + lane] = memberReplicas(ratio, groupSize[lane], min, max);
  }
}
