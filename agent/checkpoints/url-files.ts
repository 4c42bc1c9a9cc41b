/**
 * A checkpoint at an HTTP address: a .tar.gz or a folder. The address is written by whoever may write a DeliberativeLoop, so
 * only hosts that the agent was started with are asked, and no redirect leads away from them.
 */
import { basename } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { Parser, type ReadEntry } from 'tar';
import { UserError } from '../../env/errors.ts';
import { withDeadline } from '../runtime/deadline.ts';
import {
  type CheckpointFileName,
  type CheckpointFiles,
  checkpointFileNames,
  maxCheckpointBytes,
} from './checkpoint-files.ts';

export interface UrlOptions {
  /** Host names, or `name:port`, that may be asked. */
  readonly hosts: readonly string[];
  /** For the whole of one file. */
  readonly timeoutSeconds: number;
}

const maxRedirects = 3;
const unpack = promisify(gunzip);

/**
 * Nothing is asked yet when this returns: the sha256 that belongs to an address stands for its content.
 * @throws UserError when the address must not be asked
 */
export function urlFiles(address: string, sha256: string, options: UrlOptions, signal: AbortSignal): CheckpointFiles {
  const url = new URL(address);
  checkHost(url, options.hosts);
  const fail = (what: string, cause?: unknown): never => {
    throw new UserError('CHECKPOINT_UNREADABLE', `checkpoint ${address}: ${what}`, { cause });
  };
  let archive: Promise<ReadonlyMap<string, Buffer>> | undefined;
  return {
    origin: address,
    version: `${address} ${sha256}`,
    async read(name) {
      if (!/\.(tar\.gz|tgz)$/.test(url.pathname)) return download(fileIn(url, name), options, signal, fail);
      archive ??= (async () => {
        const packed = await download(url, options, signal, fail);
        if (packed === undefined) return fail('there is nothing at this address');
        return unpackCheckpoint(packed, fail);
      })();
      return (await archive).get(name);
    },
  };
}

function checkHost(url: URL, hosts: readonly string[]): void {
  const isAllowed = hosts.some((host) => [url.host, url.hostname].includes(host.toLowerCase()));
  if (isAllowed && ['http:', 'https:'].includes(url.protocol) && url.username === '') return;
  throw new UserError(
    'CHECKPOINT_HOST',
    `checkpoint ${url.protocol}//${url.host}${url.pathname}: this agent must not ask the host ${url.host}; start it with --url-host ${url.host}, or use a ConfigMap`,
  );
}

function fileIn(folder: URL, name: CheckpointFileName): URL {
  const url = new URL(folder);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/${name}`;
  return url;
}

export type Fail = (what: string, cause?: unknown) => never;

/** Undefined for 404. */
async function download(url: URL, options: UrlOptions, stop: AbortSignal, fail: Fail): Promise<Buffer | undefined> {
  try {
    return await withDeadline('the whole answer', options.timeoutSeconds, stop, (signal) => follow(url, signal, fail));
  } catch (error) {
    if (error instanceof UserError || stop.aborted) throw error;
    const { message, cause } = error as Error;
    return fail((cause as Error | undefined)?.message ?? message, error);
  }
}

async function follow(start: URL, signal: AbortSignal, fail: Fail): Promise<Buffer | undefined> {
  let url = start;
  for (let redirects = 0; ; redirects++) {
    const response = await fetch(url, { redirect: 'manual', signal });
    if (response.ok) return bodyOf(response, fail);
    await response.body?.cancel();
    if (response.status === 404) return undefined;
    if (response.status < 300 || response.status >= 400) {
      return fail(`${url.host} answers with HTTP status ${response.status}`);
    }
    url = redirectOf(response, url, redirects, fail);
  }
}

function redirectOf(response: Response, from: URL, redirects: number, fail: Fail): URL {
  const location = response.headers.get('location') ?? '';
  if (redirects >= maxRedirects || !URL.canParse(location, from.href)) return fail('it redirects too often');
  const to = new URL(location, from);
  if (to.host !== from.host || (to.protocol !== from.protocol && to.protocol !== 'https:')) {
    return fail(`it redirects to ${to.protocol}//${to.host}; give that address itself, its host has to be allowed`);
  }
  return to;
}

async function bodyOf(response: Response, fail: Fail): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > maxCheckpointBytes) return fail(`it is larger than ${maxCheckpointBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The checkpoint's files wherever they lie in the archive; links in it mean nothing, nothing is written to a disk. */
export async function unpackCheckpoint(packed: Uint8Array, fail: Fail): Promise<ReadonlyMap<string, Buffer>> {
  let plain: Buffer;
  try {
    plain = await unpack(packed, { maxOutputLength: maxCheckpointBytes });
  } catch (cause) {
    return fail(`cannot be unpacked (${(cause as Error).message}); is it a .tar.gz of less than 16 MiB?`, cause);
  }
  const files = new Map<string, Buffer>();
  await new Promise<void>((resolve, reject) => {
    const parser = new Parser({
      strict: true,
      onReadEntry(entry: ReadEntry) {
        const name = checkpointFileNames.find((each) => each === basename(entry.path));
        const chunks: Buffer[] = [];
        entry.on('data', (chunk: Buffer) => void chunks.push(chunk));
        entry.on('end', () => {
          if (name !== undefined && entry.type === 'File') files.set(name, Buffer.concat(chunks));
        });
      },
    });
    parser.on('end', resolve);
    parser.on('error', reject);
    parser.end(plain);
  }).catch((cause: Error) => fail(`is no tar archive (${cause.message}); make it by tar -czf`, cause));
  return files;
}
