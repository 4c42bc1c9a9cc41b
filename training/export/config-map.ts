/** A checkpoint as a ConfigMap: `checkpoint.json` as text, `weights.bin` as binary data, nothing to resume from. */
import { type KubernetesApi, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import { UserError } from '../../env/errors.ts';
import { type Checkpoint, encodeFloats, parseCheckpoint } from '../../policies/actor-critic/checkpoint.ts';
import type { StoredObject } from '../../policies/resources/resource.ts';

export interface ConfigMap extends StoredObject {
  readonly data?: Readonly<Record<string, string>>;
  /** Base64. */
  readonly binaryData?: Readonly<Record<string, string>>;
}

export type ConfigMapContent = Required<Pick<ConfigMap, 'data' | 'binaryData'>>;

/** What the API server allows all values of a ConfigMap together, bytes. */
export const configMapLimitBytes = 1_048_576;

/** @throws UserError `CONFIG_MAP_SIZE` when it would not fit */
export function configMapContent({ document, parameters }: Checkpoint, name: string): ConfigMapContent {
  // Without the optimizer, which is twice the weights, there is nothing to resume.
  const text = `${JSON.stringify({ ...document, resume: null })}\n`;
  const weights = encodeFloats(parameters);
  const textBytes = Buffer.byteLength(text);
  const totalBytes = textBytes + weights.byteLength;
  if (totalBytes > configMapLimitBytes) {
    throw new UserError(
      'CONFIG_MAP_SIZE',
      `the checkpoint does not fit into ConfigMap ${name}: checkpoint.json has ${textBytes} bytes and weights.bin ${weights.byteLength}, together ${totalBytes} of at most ${configMapLimitBytes}. Train with smaller layers (--set hidden=…), or serve the folder by a volume (policy.checkpoint.file) or an address (policy.checkpoint.url)`,
    );
  }
  return { data: { 'checkpoint.json': text }, binaryData: { 'weights.bin': weights.toString('base64') } };
}

/** Checks and assembles the checkpoint in a ConfigMap, made by us or by kubectl. @throws UserError */
export function checkpointOfConfigMap({ metadata, data, binaryData }: ConfigMap): Promise<Checkpoint> {
  return parseCheckpoint(`of ConfigMap ${metadata.namespace}/${metadata.name}`, async (name) => {
    const binary = binaryData?.[name];
    if (binary !== undefined) return Buffer.from(binary, 'base64');
    const text = data?.[name];
    return text === undefined ? undefined : Buffer.from(text);
  });
}

export interface ConfigMapName {
  readonly namespace: string;
  readonly name: string;
}

/** As it is applied. @throws UserError `CONFIG_MAP_SIZE` */
export function checkpointConfigMap(checkpoint: Checkpoint, { namespace, name }: ConfigMapName): ConfigMap {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace },
    ...configMapContent(checkpoint, `${namespace}/${name}`),
  };
}

/** Makes or replaces it by server-side apply. @throws UserError `CONFIG_MAP_SIZE`; KubernetesError */
export async function writeCheckpointConfigMap(
  api: KubernetesApi,
  checkpoint: Checkpoint,
  { fieldManager, ...target }: ConfigMapName & { readonly fieldManager: string },
): Promise<void> {
  await api.apply(resourceTypes.configMap, checkpointConfigMap(checkpoint, target), { fieldManager });
}
