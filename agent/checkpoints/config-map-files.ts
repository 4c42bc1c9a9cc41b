/** A checkpoint in a ConfigMap of the DeliberativeLoop's own namespace. */
import { isNotFound, type KubernetesApi, resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import { UserError } from '../../env/errors.ts';
import type { StoredObject } from '../../policies/resources/resource.ts';
import type { CheckpointFiles } from './checkpoint-files.ts';

interface ConfigMap extends StoredObject {
  readonly data?: Readonly<Record<string, string>>;
  readonly binaryData?: Readonly<Record<string, string>>;
}

/** @throws UserError when there is no such ConfigMap; KubernetesError */
export async function configMapFiles(
  api: KubernetesApi,
  namespace: string,
  name: string,
  signal: AbortSignal,
): Promise<CheckpointFiles> {
  const origin = `ConfigMap ${namespace}/${name}`;
  const { metadata, data, binaryData } = await read(api, namespace, name, origin, signal);
  return {
    origin,
    version: `${metadata.uid} ${metadata.resourceVersion}`,
    async read(file) {
      const encoded = binaryData?.[file];
      if (encoded !== undefined) return Buffer.from(encoded, 'base64');
      const text = data?.[file];
      if (text !== undefined && file === 'weights.bin') {
        throw new UserError(
          'CHECKPOINT_INVALID',
          `checkpoint ${origin}: weights.bin is under data, where binary content is damaged; make the ConfigMap by kubectl create configmap ${name} --from-file=checkpoint.json --from-file=weights.bin`,
        );
      }
      return text === undefined ? undefined : Buffer.from(text);
    },
  };
}

async function read(api: KubernetesApi, namespace: string, name: string, origin: string, signal: AbortSignal) {
  try {
    return await api.get<ConfigMap>(resourceTypes.configMap, namespace, name, { signal });
  } catch (error) {
    if (!isNotFound(error)) throw error;
    throw new UserError(
      'CHECKPOINT_MISSING',
      `checkpoint ${origin} does not exist: kubectl -n ${namespace} create configmap ${name} --from-file=checkpoint.json --from-file=weights.bin`,
      { cause: error },
    );
  }
}
