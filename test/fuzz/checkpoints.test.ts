/** Checkpoints and app models: what a hostile folder, ConfigMap or address can hold. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { Header } from 'tar';
import { describe, expect } from 'vitest';
import { unpackCheckpoint } from '../../agent/checkpoints/url-files.ts';
import { type AppModel, appModelSchema } from '../../env/apps/app-model.ts';
import { appHash, parseApp } from '../../env/apps/load-app.ts';
import { UserError } from '../../env/errors.ts';
import {
  checkpointApp,
  encodeFloats,
  hashBytes,
  networkShape,
  parseCheckpoint,
} from '../../policies/actor-critic/checkpoint.ts';
import { networkLayout } from '../../policies/actor-critic/network.ts';
import { tinyCheckpoint } from '../../training/promotion/tiny-checkpoint.fixture.ts';
import { mutatedBytes, mutatedJson, mutatedText } from './arbitraries.ts';
import { errorOf, fuzz } from './fuzz.ts';

const userError = errorOf(UserError);

const teastore = JSON.parse(
  readFileSync(fileURLToPath(new URL('../../env/apps/teastore.json', import.meta.url)), 'utf8'),
) as AppModel;
const curve = { load: [0, 10], p95Milliseconds: [1, 2], cpuPercent: [3, 40], memory: [5, 6] };
const smallest: AppModel = {
  ...teastore,
  maxGroupSize: 2,
  services: [{ name: 'web', minReplicas: 1, maxReplicas: 2, ratio: 1 }],
  serving: {
    kind: 'measured',
    curves: [
      { replicas: 1, ...curve },
      { replicas: 2, ...curve },
    ],
  },
};
const sound = tinyCheckpoint(1);
const weights = encodeFloats(sound.parameters);
// Smaller than what is shipped: a case takes a fraction of a millisecond.
const document = { ...sound.document, app: { name: smallest.name, hash: appHash(smallest), model: smallest } };

const parse = (text: string, weightBytes: Uint8Array) =>
  parseCheckpoint('fuzzed', async (name) =>
    name === 'checkpoint.json' ? Buffer.from(text) : name === 'weights.bin' ? weightBytes : undefined,
  );

describe('a checkpoint', () => {
  fuzz({
    name: 'checkpoint.json',
    input: fc.oneof(
      { weight: 4, arbitrary: mutatedJson([document]).map((changed) => JSON.stringify(changed) ?? '') },
      { weight: 1, arbitrary: mutatedText([JSON.stringify(document)]) },
    ),
    parse: (text) => parse(text, weights),
    throws: userError,
    async check({ document: accepted, parameters }) {
      expect(parameters.length).toBe(networkLayout(networkShape(accepted)).parameterCount);
      // Only the model that the policy was trained on is taken.
      await checkpointApp(accepted, 'fuzzed').catch((error) => expect(error).toBeInstanceOf(UserError));
    },
  });

  fuzz({
    name: 'weights.bin, with the hash that belongs to it',
    input: mutatedBytes([weights]),
    parse: (bytes) =>
      parse(
        JSON.stringify({ ...document, weights: { sha256: hashBytes(bytes), bytes: bytes.byteLength || 4 } }),
        bytes,
      ),
    throws: userError,
    check: ({ parameters }) => expect(parameters.every(Number.isFinite)).toBe(true),
  });

  const archive = gzipSync(
    Buffer.concat([entry('a/checkpoint.json', '{}'), entry('a/weights.bin', '1234'), Buffer.alloc(1024)]),
  );
  fuzz({
    name: 'archives',
    input: fc.oneof(
      mutatedBytes([archive]),
      mutatedBytes([gunzipSync(archive)]).map((plain) => gzipSync(plain)),
    ),
    parse: (packed) =>
      unpackCheckpoint(packed, (what) => {
        throw new UserError('CHECKPOINT_UNREADABLE', what);
      }),
    throws: userError,
    check: (files) =>
      expect([...files.keys()].every((name) => /^(checkpoint\.json|weights\.bin)$/.test(name))).toBe(true),
  });
});

fuzz({
  name: 'app models',
  input: fc.oneof(
    {
      weight: 4,
      arbitrary: mutatedJson([smallest, teastore]).map((changed) => JSON.stringify(changed) ?? ''),
    },
    { weight: 1, arbitrary: mutatedText([JSON.stringify(smallest)]) },
  ),
  parse: (text) => parseApp(text, 'fuzzed'),
  throws: userError,
  check(app) {
    // As text, which has no negative zero.
    const written = JSON.stringify(app);
    expect(JSON.stringify(appModelSchema.parse(JSON.parse(written)))).toBe(written);
  },
});

function entry(path: string, content: string): Buffer {
  const header = Buffer.alloc(512);
  new Header({ path, size: content.length, type: 'File', mode: 0o644 }).encode(header);
  return Buffer.concat([header, Buffer.from(content.padEnd(512, '\0'))]);
}
