/** Whether a DeliberativeLoop's guardrails leave a set-point that a closed loop may take. Pure. */
import type { ClosedLoop } from '../../policies/resources/closed-loop.ts';
import type { Guardrails } from '../../policies/resources/deliberative-loop.ts';

export interface GuardrailConflict {
  /** Of the guardrails. */
  readonly field: 'minReplicas' | 'maxReplicas';
  readonly message: string;
}

export function guardrailConflict(
  guardrails: Pick<Guardrails, 'minReplicas' | 'maxReplicas'>,
  { metadata, spec: { behavior } }: Pick<ClosedLoop, 'metadata' | 'spec'>,
): GuardrailConflict | undefined {
  const { minReplicas, maxReplicas } = guardrails;
  const loop = `ClosedLoop ${metadata.name}`;
  if (minReplicas !== undefined && minReplicas > behavior.maxReplicas) {
    const message = `is above behavior.maxReplicas ${behavior.maxReplicas} of ${loop}: lower the one or raise the other`;
    return { field: 'minReplicas', message };
  }
  if (maxReplicas !== undefined && maxReplicas < behavior.minReplicas) {
    const message = `is below behavior.minReplicas ${behavior.minReplicas} of ${loop}: raise the one or lower the other`;
    return { field: 'maxReplicas', message };
  }
  return undefined;
}
