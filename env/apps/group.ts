/** What a group of a given size consists of. */
import type { AppModel } from './app-model.ts';

/** How a member follows its group. */
export type GroupMemberShape = Pick<AppModel['services'][number], 'ratio' | 'minReplicas' | 'maxReplicas'>;

/** Replicas of a member in a group of that size: ceil(ratio × size) within the service's bounds. */
export function memberReplicas(service: GroupMemberShape, groupSize: number): number {
  // The slack keeps ceil(3 × (1 ÷ 3)) at 1.
  const wanted = Math.ceil(service.ratio * groupSize - 1e-9);
  return Math.min(service.maxReplicas, Math.max(service.minReplicas, wanted));
}

/** Pods of all services together, at [group size]; sizes 0 to maxGroupSize. Never falls with the size. */
export function podsPerGroupSize(app: AppModel): Float64Array {
  return Float64Array.from({ length: app.maxGroupSize + 1 }, (_, size) =>
    app.services.reduce((pods, service) => pods + memberReplicas(service, size), 0),
  );
}
