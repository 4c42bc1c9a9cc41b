/** A Kubernetes API that is farther away than it is: what concurrency gains shows with the round trip. */
import { setTimeout as delay } from 'node:timers/promises';
import type { KubernetesApi } from '../../env/cluster/kubernetes-api.ts';

/** Every read and write waits so long before it is sent; watches stay as they are. */
export function withLatency(api: KubernetesApi, milliseconds: number): KubernetesApi {
  if (milliseconds === 0) return api;
  const after = async <T>(call: () => Promise<T>): Promise<T> => {
    await delay(milliseconds);
    return call();
  };
  return {
    ...api,
    get: (...args) => after(() => api.get(...args)),
    create: (...args) => after(() => api.create(...args)),
    replace: (...args) => after(() => api.replace(...args)),
    apply: (...args) => after(() => api.apply(...args)),
    mergePatch: (...args) => after(() => api.mergePatch(...args)),
    jsonPatch: (...args) => after(() => api.jsonPatch(...args)),
    delete: (...args) => after(() => api.delete(...args)),
  };
}
