/** A promotion's view of the cluster. */
import { isNotFound, type KubernetesApi, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import { UserError } from '../../env/errors.ts';
import type { Checkpoint } from '../../policies/actor-critic/checkpoint.ts';
import { type DeliberativeLoop, deliberativeLoopSpecSchema } from '../../policies/resources/deliberative-loop.ts';
import { type ConfigMap, checkpointOfConfigMap } from '../export/config-map.ts';
import type { Observed, ObservedLoop } from './contract.ts';
import { parseRecord, recordAnnotation } from './record.ts';

export interface PromotionTarget {
  readonly api: KubernetesApi;
  readonly namespace: string;
  readonly deliberativeLoop: string;
  /** Default: the one that the DeliberativeLoop names. */
  readonly configMap?: string | undefined;
  /** Unix seconds. */
  readonly now: () => number;
}

interface StoredCheckpoint {
  readonly resourceVersion: string | undefined;
  readonly annotations: Readonly<Record<string, string>>;
  /** Undefined when there is none, or it cannot be read. */
  readonly checkpoint: Checkpoint | undefined;
}

/** What is seen, with what writes need: checkpoints and versions. */
export interface Sight extends Observed {
  readonly incumbent: Checkpoint | undefined;
  readonly objects: {
    readonly loop: DeliberativeLoop;
    readonly name: string;
    readonly inForce: StoredCheckpoint;
    readonly canary: StoredCheckpoint;
    readonly previous: StoredCheckpoint;
  };
}

export const canaryName = (name: string) => `${name}-canary`;
export const previousName = (name: string) => `${name}-previous`;

/**
 * Reads the DeliberativeLoop first and the policy in force last: whoever changes the record changes the latter, so what is
 * written from a record that is out of date meets a conflict.
 * @throws UserError when the DeliberativeLoop is not one whose policy can be promoted; KubernetesError
 */
export async function observe(target: PromotionTarget): Promise<Sight> {
  const { api, namespace, deliberativeLoop } = target;
  const loop = await readLoop(target);
  const spec = deliberativeLoopSpecSchema.parse(loop.spec);
  const name = configMapName(target, spec.policy.checkpoint?.configMap?.name);
  const closedLoops = await countClosedLoops(target, spec.closedLoops);
  const [canary, previous] = await Promise.all([read(target, canaryName(name)), read(target, previousName(name))]);
  const inForce = await read(target, name);
  if (inForce.resourceVersion !== undefined && inForce.checkpoint === undefined) {
    // Said by the parser: what is wrong with it.
    await checkpointOfConfigMap(await api.get<ConfigMap>(resourceTypes.configMap, namespace, name));
  }
  const { policy, mode } = spec;
  const observedLoop: ObservedLoop = {
    canary: policy.canary && (policy.canary.configMap?.name === canaryName(name) ? policy.canary.sha256 : 'foreign'),
    pin: policy.checkpoint?.sha256,
    applies: mode === 'Bounded' || mode === 'Autonomous',
    closedLoops,
    status: { reward: loop.status?.reward, canary: loop.status?.canary },
  };
  const origin = `ConfigMap ${namespace}/${name} of DeliberativeLoop ${deliberativeLoop}`;
  return {
    inForce: shaOf(inForce),
    record: parseRecord(inForce.annotations[recordAnnotation], origin),
    stored: { canary: shaOf(canary), previous: shaOf(previous) },
    loop: observedLoop,
    unixSecond: target.now(),
    incumbent: inForce.checkpoint,
    objects: { loop, name, inForce, canary, previous },
  };
}

const shaOf = ({ checkpoint }: StoredCheckpoint) => checkpoint?.document.weights.sha256;

async function readLoop({ api, namespace, deliberativeLoop }: PromotionTarget): Promise<DeliberativeLoop> {
  try {
    return await api.get<DeliberativeLoop>(resourceTypes.deliberativeLoop, namespace, deliberativeLoop);
  } catch (error) {
    if (!isNotFound(error)) throw error;
    throw new UserError(
      'PROMOTION_LOOP',
      `there is no DeliberativeLoop ${deliberativeLoop} in namespace ${namespace}; name one with --deliberative-loop and --namespace`,
    );
  }
}

function configMapName({ deliberativeLoop, configMap }: PromotionTarget, named: string | undefined): string {
  if (named === undefined) {
    throw new UserError(
      'PROMOTION_POLICY',
      `DeliberativeLoop ${deliberativeLoop} has no spec.policy.checkpoint.configMap: only a policy in a ConfigMap can be promoted. Set it, to a ConfigMap that need not be there yet`,
    );
  }
  if (configMap !== undefined && configMap !== named) {
    throw new UserError(
      'PROMOTION_POLICY',
      `DeliberativeLoop ${deliberativeLoop} takes its policy from ConfigMap ${named}, --config-map names ${configMap}; leave it out, or change spec.policy.checkpoint.configMap`,
    );
  }
  return named;
}

async function countClosedLoops(
  { api, namespace }: PromotionTarget,
  { names, matchLabels = {} }: ReturnType<typeof deliberativeLoopSpecSchema.parse>['closedLoops'],
): Promise<number> {
  if (names !== undefined) return names.length;
  const labelSelector = Object.entries(matchLabels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
  return (await api.list(resourceTypes.closedLoop, { namespace, labelSelector })).items.length;
}

async function read({ api, namespace }: PromotionTarget, name: string): Promise<StoredCheckpoint> {
  try {
    const object = await api.get<ConfigMap>(resourceTypes.configMap, namespace, name);
    const checkpoint = await checkpointOfConfigMap(object).catch((error) => {
      if (error instanceof UserError) return undefined;
      throw error;
    });
    const { resourceVersion, annotations = {} } = object.metadata;
    return { resourceVersion, annotations, checkpoint };
  } catch (error) {
    if (!isNotFound(error)) throw error;
    return { resourceVersion: undefined, annotations: {}, checkpoint: undefined };
  }
}
