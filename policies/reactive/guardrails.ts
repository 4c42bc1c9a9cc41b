/** How far the deliberative side may go: of a loop that it tunes, and of the DeliberativeLoop that tunes it. */
import { z } from 'zod';
import { replicaCount } from '../resources/resource.ts';

/** Fields of a zod object. */
export const guardrailShape = {
  maxStep: z
    .int()
    .min(1)
    .max(100_000)
    .default(4)
    .describe('Largest distance of a set-point from the current size, in Bounded.'),
  minReplicas: replicaCount.optional().describe('A smaller set-point is raised to this one.'),
  maxReplicas: replicaCount.optional().describe('A larger set-point is lowered to this one.'),
  rankChangesPerHour: z.int().min(0).max(3600).default(12).describe('Rank changes per closed loop and hour.'),
  staleAfterSeconds: z.int().min(1).max(86_400).default(180).describe('Age from which a proposal is ignored.'),
};
