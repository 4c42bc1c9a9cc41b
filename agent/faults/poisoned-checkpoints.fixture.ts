/** Checkpoints that somebody who may write a DeliberativeLoop or a ConfigMap could have the agent load. */
import { mkdir, symlink } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Header } from 'tar';
import type { Checkpoint } from '../../policies/actor-critic/checkpoint.ts';
import type { DeliberativeLoopSpec } from '../../policies/resources/deliberative-loop.ts';
import { type CheckpointParts, partsOf, withParameters, writeParts } from './forged-checkpoint.fixture.ts';

type Reference = NonNullable<DeliberativeLoopSpec['policy']['checkpoint']>;

export interface CheckpointPoison {
  readonly name: string;
  /** In a ConfigMap, or where `reference` says. */
  readonly parts?: CheckpointParts;
  readonly reference?: Reference;
  /** What the condition Ready says of it. */
  readonly says: RegExp;
}

type Document = Checkpoint['document'];

/** What is wrong inside the files; the hash is always that of the weights. */
export function poisonedParts(sound: Checkpoint): CheckpointPoison[] {
  const { document, parameters } = sound;
  const { text, weights } = partsOf(sound);
  const changed = (change: Partial<Document>): CheckpointParts => ({
    text: JSON.stringify({ ...document, ...change }),
    weights,
  });
  const filled = (weight: (i: number) => number) =>
    partsOf(
      withParameters(
        sound,
        Float32Array.from(parameters, (_, i) => weight(i)),
      ),
    );
  const bytes = weights.byteLength;
  return [
    {
      name: 'weights of 1e38',
      parts: filled((i) => (i % 2 === 0 ? 1e38 : -1e38)),
      says: /weights of up to 1\.00e\+38/,
    },
    { name: 'weights that are no number', parts: filled(() => Number.NaN), says: /not finite/ },
    {
      name: 'weights cut off',
      parts: { text, weights: weights.subarray(0, bytes - 400) },
      says: /sha256 of weights\.bin/,
    },
    { name: 'weights exchanged', parts: { text, weights: Buffer.alloc(bytes, 1) }, says: /sha256 of weights\.bin/ },
    {
      name: 'observations of other names',
      parts: changed({ observationNames: document.observationNames.map((name) => `other.${name}`) }),
      says: /observ/,
    },
    {
      name: 'actions of other names',
      parts: changed({
        actionHeads: document.actionHeads.map((head) => ({ ...head, choices: [...head.choices, '+1000'] })),
      }),
      says: /weights\.bin has|action/,
    },
    { name: 'layers of a billion neurons', parts: changed({ hidden: [1e9, 1e9] }), says: /weights\.bin has/ },
    { name: 'no JSON', parts: { text: '{"schemaVersion": 1', weights }, says: /not JSON/ },
    {
      name: 'a model of another application',
      parts: changed({ app: { name: '__proto__', hash: document.app.hash } }),
      says: /app model|application/,
    },
    {
      name: 'a mean of 1e308',
      parts: changed({
        normalisation: { ...document.normalisation, mean: document.normalisation.mean.map(() => 1e308) },
      }),
      says: /far from all that was trained|not a number|contradict/,
    },
  ];
}

/** Below a checkpoint root; what the links point to is sound, so that only the way there is wrong. */
export async function poisonedFolders(
  folder: string,
  sound: Checkpoint,
): Promise<{ root: string; poisons: CheckpointPoison[] }> {
  const root = join(folder, 'root');
  const outside = join(folder, 'outside');
  await writeParts(outside, partsOf(sound));
  await mkdir(join(root, 'linked-files'), { recursive: true });
  await symlink(outside, join(root, 'linked-folder'));
  for (const name of ['checkpoint.json', 'weights.bin'])
    await symlink(join(outside, name), join(root, 'linked-files', name));
  const at = (name: string, file: string): CheckpointPoison => ({
    name,
    reference: { file },
    says: /no checkpoint\.json in it below/,
  });
  return {
    root,
    poisons: [
      at('a link to a folder outside', 'linked-folder'),
      at('links to files outside', 'linked-files'),
      at('a way out of the root', '../outside'),
      at('a path of its own', outside),
      at('a device', '/dev'),
    ],
  };
}

export interface CheckpointServer {
  /** `name:port`, for --url-host. */
  readonly host: string;
  readonly poisons: readonly CheckpointPoison[];
  close(): Promise<void>;
}

/** A web server on an allowed host, with archives that should harm nobody. */
export async function startPoisonedServer(sound: Checkpoint, folder: string): Promise<CheckpointServer> {
  const { sha256 } = sound.document.weights;
  const { text, weights } = partsOf(sound);
  const archives: Record<string, Buffer> = {
    '/climbing.tar.gz': gzipSync(
      Buffer.concat([
        entry(`../../../../../..${folder}/escaped`, Buffer.from('escaped')),
        entry('../../checkpoint.json', Buffer.from('{}')),
        entry('weights.bin', weights),
        Buffer.alloc(1024),
      ]),
    ),
    '/bomb.tar.gz': gzipSync(
      Buffer.concat([entry('checkpoint.json', Buffer.alloc(256 * 2 ** 20)), Buffer.alloc(1024)]),
    ),
    '/linked.tar.gz': gzipSync(
      Buffer.concat([link('checkpoint.json', '/etc/passwd'), entry('weights.bin', weights), Buffer.alloc(1024)]),
    ),
    '/text.tar.gz': Buffer.from(text),
  };
  const server = createServer((request, response) => {
    const { url = '' } = request;
    if (url === '/away.tar.gz') {
      response.writeHead(302, { location: 'http://169.254.169.254/latest/meta-data' }).end();
    } else if (url === '/endless.tar.gz') {
      response.writeHead(200);
      const more = () => {
        while (response.write(Buffer.alloc(2 ** 20)));
      };
      response.on('drain', more);
      more();
    } else {
      response.writeHead(archives[url] === undefined ? 404 : 200).end(archives[url]);
    }
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const at = (name: string, path: string, says: RegExp): CheckpointPoison => ({
    name,
    reference: { url: `http://${host}${path}`, sha256 },
    says,
  });
  return {
    host,
    poisons: [
      at('an archive that climbs out', '/climbing.tar.gz', /schemaVersion|checkpoint\.json/),
      at('an archive of links', '/linked.tar.gz', /no checkpoint\.json/),
      at('a bomb', '/bomb.tar.gz', /cannot be unpacked/),
      at('no archive', '/text.tar.gz', /cannot be unpacked/),
      at('an answer without end', '/endless.tar.gz', /larger than/),
      at('a way to another host', '/away.tar.gz', /redirects to http:\/\/169\.254/),
      {
        name: 'a host that is not allowed',
        reference: { url: 'http://169.254.169.254/policy.tar.gz', sha256 },
        says: /must not ask the host/,
      },
    ],
    close() {
      server.closeAllConnections();
      return new Promise((closed) => server.close(() => closed()));
    },
  };
}

function entry(path: string, content: Buffer): Buffer {
  const header = Buffer.alloc(512);
  new Header({ path, size: content.byteLength, type: 'File', mode: 0o644 }).encode(header);
  return Buffer.concat([header, content, Buffer.alloc((512 - (content.byteLength % 512)) % 512)]);
}

function link(path: string, linkpath: string): Buffer {
  const header = Buffer.alloc(512);
  new Header({ path, linkpath, size: 0, type: 'SymbolicLink', mode: 0o777 }).encode(header);
  return header;
}
