/** Downloads a published program and checks it against the published checksum. */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { chmod, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Release, readChecksum } from './release.ts';
import { runProgramText } from './run-program.ts';

export interface DownloadOptions {
  readonly signal?: AbortSignal;
  /** Without an answer, or without another byte, for so long it is given up. Default 10. */
  readonly silenceSeconds?: number;
}

/** Nothing came from the server, so that another file of it need not be asked for. */
export class UnreachableError extends Error {}

/**
 * Puts the program at `target`, whole or not at all.
 * @throws UnreachableError; Error when the file is not there or not what was published
 */
export async function downloadRelease(release: Release, target: string, options: DownloadOptions = {}): Promise<void> {
  const fileName = basename(new URL(release.url).pathname);
  const expected = readChecksum(await (await get(release.checksumUrl, options)).text(), fileName);
  await mkdir(dirname(target), { recursive: true });
  // Beside the target, since a rename does not cross file systems.
  const folder = await mkdtemp(join(dirname(target), '.download-'));
  try {
    const downloaded = join(folder, 'file');
    const actual = await save(release.url, downloaded, options);
    if (actual !== expected) throw new Error(`${release.url} has sha256 ${actual}, published is ${expected}`);
    const program = release.member === undefined ? downloaded : join(folder, release.member);
    if (release.member !== undefined) {
      await runProgramText('tar', ['-xzf', downloaded, '-C', folder, release.member], { signal: options.signal });
    }
    await chmod(program, 0o755);
    await rename(program, target);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function get(url: string, { signal, silenceSeconds = 10 }: DownloadOptions): Promise<Response> {
  const silence = AbortSignal.timeout(silenceSeconds * 1000);
  let response: Response;
  try {
    response = await fetch(url, { signal: signal ? AbortSignal.any([signal, silence]) : silence });
  } catch (error) {
    signal?.throwIfAborted();
    const why = silence.aborted ? `no answer within ${silenceSeconds} s` : causeOf(error);
    throw new UnreachableError(`${url}: ${why}`, { cause: error });
  }
  if (!response.ok) throw new Error(`${url}: HTTP ${response.status}`);
  return response;
}

/** Resolves to the sha256 of what was saved. */
async function save(url: string, file: string, { signal, silenceSeconds = 10 }: DownloadOptions): Promise<string> {
  const controller = new AbortController();
  const giveUp = () => controller.abort(new Error(`${url}: no more data for ${silenceSeconds} s`));
  // One timer for the answer and for every chunk: a large file may take long, a silent server may not.
  const timer = setTimeout(giveUp, silenceSeconds * 1000);
  const combined = signal ? AbortSignal.any([signal, controller.signal]) : controller.signal;
  const hash = createHash('sha256');
  try {
    const response = await fetch(url, { signal: combined });
    if (!response.ok || response.body === null) throw new Error(`${url}: HTTP ${response.status}`);
    const body = Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]);
    body.on('data', (chunk: Buffer) => {
      timer.refresh();
      hash.update(chunk);
    });
    await pipeline(body, createWriteStream(file), { signal: combined });
    return hash.digest('hex');
  } catch (error) {
    signal?.throwIfAborted();
    throw controller.signal.aborted ? controller.signal.reason : error;
  } finally {
    clearTimeout(timer);
  }
}

function causeOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error && cause.message !== '' ? cause.message : message;
}
