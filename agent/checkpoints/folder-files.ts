/**
 * A checkpoint in a folder of the agent's container. Its path is written by whoever may write a DeliberativeLoop, who must not
 * read other files by it: only what lies below the root, after every symbolic link, is opened.
 */
import { constants } from 'node:fs';
import { type FileHandle, open, realpath, stat } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import { UserError } from '../../env/errors.ts';
import { type CheckpointFiles, checkpointFileNames, maxCheckpointBytes } from './checkpoint-files.ts';

/** @throws UserError when the folder is outside the root or cannot be read */
export async function folderFiles(root: string | undefined, folder: string): Promise<CheckpointFiles> {
  if (root === undefined) {
    throw new UserError(
      'CHECKPOINT_ROOT',
      `checkpoint folder ${folder}: this agent reads no folders; start it with --checkpoint-root, or use a ConfigMap`,
    );
  }
  const origin = resolve(root, folder);
  const realRoot = await realPathOf(root, 'CHECKPOINT_ROOT');
  if (realRoot === undefined) {
    throw new UserError('CHECKPOINT_ROOT', `--checkpoint-root ${root} does not exist: mount it, or name another`);
  }
  const paths = new Map<string, string>();
  const versions: string[] = [];
  for (const name of checkpointFileNames) {
    const path = await realPathOf(join(origin, name), 'CHECKPOINT_UNREADABLE');
    // A path outside is the same as one that is not there: what lies elsewhere is not to be learnt here.
    if (path?.startsWith(realRoot.endsWith(sep) ? realRoot : realRoot + sep)) {
      const { mtimeMs, size, ino } = await stat(path);
      paths.set(name, path);
      versions.push(`${name} ${ino} ${mtimeMs} ${size}`);
    } else versions.push(`${name} missing`);
  }
  if (paths.size === 0) {
    throw new UserError(
      'CHECKPOINT_MISSING',
      `checkpoint folder ${folder}: there is no checkpoint.json in it below ${root}; copy the folder there that duoloop train wrote`,
    );
  }
  return {
    origin,
    version: `${origin} ${versions.join(' ')}`,
    async read(name) {
      const path = paths.get(name);
      if (path === undefined) return undefined;
      // A pipe that somebody puts there must not hold the process up.
      const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      try {
        return await readBounded(file, path);
      } finally {
        await file.close();
      }
    },
  };
}

async function readBounded(file: FileHandle, path: string): Promise<Uint8Array> {
  const status = await file.stat();
  if (!status.isFile() || status.size > maxCheckpointBytes) {
    throw new UserError(
      'CHECKPOINT_INVALID',
      `${path} is no file of a checkpoint: it is ${status.isFile() ? `${status.size} bytes` : 'not a regular file'}`,
    );
  }
  return file.readFile();
}

async function realPathOf(path: string, code: string): Promise<string | undefined> {
  try {
    return await realpath(path);
  } catch (cause) {
    const { code: why, message } = cause as NodeJS.ErrnoException;
    if (why === 'ENOENT' || why === 'ENOTDIR') return undefined;
    throw new UserError(code, `cannot read ${path}: ${message}`, { cause });
  }
}
