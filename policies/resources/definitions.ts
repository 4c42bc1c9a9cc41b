/** Every custom resource, in the order in which their CRDs are written. */
import { closedLoopDefinition } from './closed-loop.ts';
import { deliberativeLoopDefinition } from './deliberative-loop.ts';
import type { ResourceDefinition } from './resource.ts';
import { scalingGroupDefinition } from './scaling-group.ts';
import { stageDefinitions } from './stages.ts';

export const resourceDefinitions: readonly ResourceDefinition[] = [
  scalingGroupDefinition,
  closedLoopDefinition,
  deliberativeLoopDefinition,
  ...stageDefinitions,
];
