/** The safety rules that can hold back or change what a reaction or the agent asked for. */

/** In the order in which a decision names them; the position is the bit in the batched loop's mask. */
export const clampNames = [
  'paused',
  'rollingOut',
  'setPointMinReplicas',
  'setPointMaxReplicas',
  'maxStep',
  'maxReplicas',
  'minReplicas',
  'missingMetrics',
  'breach',
  'scaleDownStabilization',
  'scaleUpStabilization',
  'fallback',
  'setPoint',
  'scaleUpRate',
  'scaleDownRate',
  'verticalMax',
  'verticalMin',
] as const;

export type Clamp = (typeof clampNames)[number];

/** One bit a rule, so that a decision's clamps are one integer. */
export const clampBit = Object.fromEntries(clampNames.map((name, bit) => [name, 1 << bit])) as Readonly<
  Record<Clamp, number>
>;

export function clampsOf(mask: number): Clamp[] {
  return clampNames.filter((_, bit) => (mask & (1 << bit)) !== 0);
}
