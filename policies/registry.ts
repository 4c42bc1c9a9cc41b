/** Every policy by the name that `--policy` takes. */
import { UserError } from '../env/errors.ts';
import { createGroupDemand } from '../env/simulator/create-kernel.ts';
import { forecast } from './forecast.ts';
import { hpa, hpaMeasured, hpaTuned, rpsTuned } from './hpa/policies.ts';
import { lastTen } from './last-ten.ts';
import { createOraclePolicy } from './oracle/policy.ts';
import type { Policy } from './policy.ts';
import { randomGroup } from './random-group.ts';
import { reactive } from './reactive/reactive-policy.ts';
import { loadCheckpointPolicy } from './two-loop.ts';

export const oracle: Policy = createOraclePolicy({ demandModelFor: createGroupDemand });

export const baselines: readonly Policy[] = [
  hpa,
  hpaMeasured,
  hpaTuned,
  rpsTuned,
  reactive,
  lastTen,
  randomGroup,
  forecast,
  oracle,
];

const checkpointPrefix = 'checkpoint:';

/** Resolves a policy's name. Throws UserError for an unknown name and for a checkpoint that cannot be loaded. */
export async function resolvePolicy(name: string): Promise<Policy> {
  if (name.startsWith(checkpointPrefix)) {
    const policy = await loadCheckpointPolicy(name.slice(checkpointPrefix.length));
    return { ...policy, name };
  }
  const baseline = baselines.find((policy) => policy.name === name);
  if (baseline) return baseline;
  const known = [...baselines.map((policy) => policy.name), `${checkpointPrefix}DIR`].join(', ');
  throw new UserError('POLICY_UNKNOWN', `there is no policy "${name}"; the policies are ${known}`);
}
