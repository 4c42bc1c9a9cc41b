/**
 * What a promotion remembers: an annotation of the ConfigMap whose checkpoint is in force. One object holds both, so that
 * policy and record change in a single write.
 */
import { z } from 'zod';
import { UserError } from '../../env/errors.ts';
import { timestamp } from '../../policies/resources/resource.ts';

export const recordAnnotation = 'duoloop.dev/promotion';

export const openStages = ['Canary', 'Watch'] as const;
export const outcomes = ['Accepted', 'Rejected', 'RolledBack', 'Aborted', 'Superseded'] as const;
export type OpenStage = (typeof openStages)[number];
export type Outcome = (typeof outcomes)[number];

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** How the closed loops fared under the incumbent when it was replaced. */
export const bandSchema = z.strictObject({
  /** Field of status.reward that it is of. */
  measure: z.enum(['advantageMean', 'mean']),
  mean: z.number(),
  /** Between decision intervals. */
  deviation: z.number().min(0),
  decisions: z.int().min(1),
});
export type Band = z.infer<typeof bandSchema>;

/** Candidates of earlier promotions that are known as such. */
export const rememberedCandidates = 16;

export const recordSchema = z.strictObject({
  stage: z.enum([...openStages, ...outcomes]),
  /** Of weights.bin. */
  candidate: sha256,
  incumbent: sha256,
  /** Beginning of the stage. */
  since: timestamp,
  /** Why it is in this stage, for people. */
  reason: z.string(),
  band: bandSchema.optional(),
  /** Of earlier promotions: a process of theirs that stalled may still show one as a canary or pin it. */
  earlier: z.array(sha256).max(rememberedCandidates).default([]),
});
export type PromotionRecord = z.infer<typeof recordSchema>;
export type OpenRecord = PromotionRecord & { readonly stage: OpenStage };

export function isOpen(record: PromotionRecord | undefined): record is OpenRecord {
  return record?.stage === 'Canary' || record?.stage === 'Watch';
}

/** @throws UserError `PROMOTION_RECORD` when somebody else wrote the annotation */
export function parseRecord(text: string | undefined, origin: string): PromotionRecord | undefined {
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  const parsed = recordSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new UserError(
    'PROMOTION_RECORD',
    `${origin}: annotation ${recordAnnotation} is not one that duoloop promote wrote (${z.prettifyError(parsed.error)}); see which policy is in force, then remove the annotation`,
  );
}
