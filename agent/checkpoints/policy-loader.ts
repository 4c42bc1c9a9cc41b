/** The trained policies that DeliberativeLoops refer to: read when their content changes, parsed once, shared. */
import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { AppModel } from '../../env/apps/app-model.ts';
import type { KubernetesApi } from '../../env/cluster/kubernetes-api.ts';
import { UserError } from '../../env/errors.ts';
import { type Checkpoint, checkpointApp, parseCheckpoint } from '../../policies/actor-critic/checkpoint.ts';
import type { DeliberativeLoopSpec } from '../../policies/resources/deliberative-loop.ts';
import type { CheckpointFiles } from './checkpoint-files.ts';
import { configMapFiles } from './config-map-files.ts';
import { folderFiles } from './folder-files.ts';
import { type UrlOptions, urlFiles } from './url-files.ts';

export type CheckpointReference = NonNullable<DeliberativeLoopSpec['policy']['checkpoint']>;

/** A checkpoint that was read and found sound. */
export interface LoadedPolicy {
  /**
   * Hash of all that decisions depend on. Not the sha256 of the weights: with the same weights and other normalisation,
   * one tenant's checkpoint would be taken for another's.
   */
  readonly key: string;
  /** Of weights.bin. */
  readonly sha256: string;
  readonly origin: string;
  readonly checkpoint: Checkpoint;
  readonly app: AppModel;
}

export interface PolicyLoader {
  /**
   * The policy as its source has it now, or had it `recheckSeconds` ago. Several that ask at once share one look, which goes
   * on when nobody waits for it any more.
   * @throws UserError when it is missing, damaged or not the one asked for; KubernetesError
   */
  load(reference: CheckpointReference, namespace: string): Promise<LoadedPolicy>;
}

export interface PolicyLoaderOptions {
  readonly api: KubernetesApi;
  /** Folder below which checkpoints may be read; undefined for none. */
  readonly checkpointRoot: string | undefined;
  readonly url: UrlOptions;
  /** Unix seconds. */
  readonly now: () => number;
  /** Ends what is under way. */
  readonly signal: AbortSignal;
  /** A source is looked at no more often than this. */
  readonly recheckSeconds?: number;
}

/** One look at a source. */
interface Look {
  /** When it ended; undefined while under way. */
  second?: number;
  /** Of the content that the outcome is of; undefined when another look may have another outcome all the same. */
  version?: string;
  outcome: Promise<LoadedPolicy>;
}

const maxReferences = 5_000;
const maxPolicies = 1_000;

export function createPolicyLoader(options: PolicyLoaderOptions): PolicyLoader {
  const { api, now, signal, recheckSeconds = 10 } = options;
  const looks = new LRUCache<string, Look>({ max: maxReferences });
  const policies = new LRUCache<string, LoadedPolicy>({ max: maxPolicies });

  async function filesOf(reference: CheckpointReference, namespace: string) {
    const { configMap, file, url, sha256 } = reference;
    if (configMap !== undefined) return configMapFiles(api, namespace, configMap.name, signal);
    if (file !== undefined) return folderFiles(options.checkpointRoot, file);
    if (url !== undefined && sha256 !== undefined) return urlFiles(url, sha256, options.url, signal);
    throw new UserError('CHECKPOINT_MISSING', 'spec.policy.checkpoint names no source: give configMap, file or url');
  }

  async function parse(files: CheckpointFiles, wantedSha256: string | undefined): Promise<LoadedPolicy> {
    const hash = createHash('sha256');
    const { document, parameters } = await parseCheckpoint(files.origin, async (name) => {
      if (name !== 'checkpoint.json' && name !== 'weights.bin') return undefined;
      const bytes = await files.read(name);
      // The weights' own hash is in the document, and checked.
      if (bytes !== undefined && name === 'checkpoint.json') hash.update(bytes);
      return bytes;
    });
    const { sha256 } = document.weights;
    if (wantedSha256 !== undefined && wantedSha256 !== sha256) {
      throw new UserError(
        'CHECKPOINT_HASH',
        `checkpoint ${files.origin}: weights.bin has sha256 ${sha256}, but ${wantedSha256} is asked for in spec.policy; correct the sha256, or put the right checkpoint there`,
      );
    }
    const key = hash.digest('hex');
    const known = policies.get(key);
    if (known !== undefined) return known;
    const app = await checkpointApp(document, files.origin);
    // What only people look at would be most of the memory.
    const slim = { ...document, trainingCurve: [], validation: [] };
    const policy = {
      key,
      sha256,
      origin: files.origin,
      checkpoint: { document: slim, parameters, optimizer: null },
      app,
    };
    policies.set(key, policy);
    return policy;
  }

  /** Looks at the source, and parses it when its version is another than `before`. */
  async function lookAt(
    reference: CheckpointReference,
    namespace: string,
    before: Look | undefined,
    look: Omit<Look, 'outcome'>,
  ): Promise<LoadedPolicy> {
    try {
      const files = await filesOf(reference, namespace);
      // A download may fail now and work later: its version says nothing of that.
      if (reference.url === undefined) look.version = files.version;
      const policy = await (before?.version === files.version ? before.outcome : parse(files, reference.sha256));
      look.version = files.version;
      return policy;
    } finally {
      look.second = now();
    }
  }

  return {
    load(reference, namespace) {
      const key = JSON.stringify([reference.configMap && namespace, reference]);
      const before = looks.get(key);
      if (before && (before.second === undefined || Math.abs(now() - before.second) < recheckSeconds))
        return before.outcome;
      const progress: Omit<Look, 'outcome'> = {};
      const look = Object.assign(progress, { outcome: lookAt(reference, namespace, before, progress) });
      look.outcome.catch(() => {});
      looks.set(key, look);
      return look.outcome;
    },
  };
}
