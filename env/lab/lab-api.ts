/**
 * What the lab itself asks of its API server while it sets up: a few plain requests as administrator. Everything else
 * uses env/cluster.
 */
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { parseAllDocuments } from 'yaml';
import { LoopbackError, requestLoopback } from './loopback-request.ts';

export interface LabApi {
  get<T>(path: string): Promise<T>;
  create<T>(collectionPath: string, object: object): Promise<T>;
  delete(path: string): Promise<void>;
  /** Server-side apply of a custom resource definition, a namespace … : `path` is the object's own. */
  apply<T>(path: string, object: object): Promise<T>;
}

/** Each request has 10 s. @throws LoopbackError */
export function createLabApi(server: string, certificateAuthority: string, bearerToken: string): LabApi {
  const request = async <T>(method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string, object?: object): Promise<T> => {
    const body = object === undefined ? undefined : JSON.stringify(object);
    const contentType = method === 'PATCH' ? 'application/apply-patch+yaml' : 'application/json';
    const signal = AbortSignal.timeout(10_000);
    const options = { method, body, contentType, bearerToken, certificateAuthority, signal };
    return JSON.parse(await requestLoopback(`${server}${path}`, options)) as T;
  };
  return {
    get: (path) => request('GET', path),
    create: (path, object) => request('POST', path, object),
    delete: (path) => request('DELETE', path),
    apply: (path, object) => request('PATCH', `${path}?fieldManager=duoloop-lab&force=true`, object),
  };
}

/** Applies the CustomResourceDefinitions of YAML files and waits until the API server serves them. */
export async function applyDefinitions(api: LabApi, yamlFiles: readonly string[], timeoutSeconds = 20): Promise<void> {
  const texts = await Promise.all(yamlFiles.map((file) => readFile(file, 'utf8')));
  const definitions = texts
    .flatMap((text) => parseAllDocuments(text).map((document) => document.toJS() as Definition | null))
    .filter((definition): definition is Definition => definition?.kind === 'CustomResourceDefinition');
  await Promise.all(
    definitions.map(async (definition) => {
      const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${definition.metadata.name}`;
      await api.apply(path, definition);
      await until(`${definition.metadata.name} to be served`, timeoutSeconds, async () => {
        const { status } = await api.get<Definition>(path);
        return status?.conditions?.some(({ type, status }) => type === 'Established' && status === 'True') ?? false;
      });
    }),
  );
}

interface Definition {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly status?: { readonly conditions?: readonly { type: string; status: string }[] };
}

/** Asks every 50 ms; not-found and no answer count as no. @throws Error that names what was waited for */
export async function until(what: string, timeoutSeconds: number, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + timeoutSeconds * 1000;
  let last: unknown;
  while (Date.now() < deadline) {
    try {
      if (await holds()) return;
    } catch (error) {
      if (!(error instanceof LoopbackError) || ![0, 404].includes(error.status)) throw error;
      last = error;
    }
    await delay(50);
  }
  throw new Error(`waited ${timeoutSeconds} s for ${what}`, { cause: last });
}
