/** Files that are written whole or not at all, and output folders that are not overwritten by accident. */
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { UserError } from './errors.ts';

/** Writes to a temporary file beside the target, then renames; folders on the way are made. */
export async function writeFileWhole(file: string, content: string | Uint8Array): Promise<void> {
  const target = resolve(file);
  const fresh = join(dirname(target), `.${basename(target)}.new-${process.pid}`);
  try {
    await mkdir(dirname(target), { recursive: true });
    await writeFile(fresh, content);
    await rename(fresh, target);
  } catch (cause) {
    await rm(fresh, { force: true });
    throw new UserError('FILE_UNWRITABLE', `cannot write ${file}: ${(cause as Error).message}`, { cause });
  }
}

/** Makes sure that nothing is lost by writing into `folder`. Throws UserError when it holds files. */
export async function refuseExistingFolder(folder: string, option: string): Promise<void> {
  let entries: string[];
  try {
    entries = await readdir(folder);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw new UserError('FOLDER_UNUSABLE', `${option} ${folder}: ${(cause as Error).message}`, { cause });
  }
  if (entries.length > 0) {
    throw new UserError(
      'FOLDER_EXISTS',
      `${option} ${folder} exists and is not empty; name another folder, or remove it first`,
    );
  }
}

/** Makes a folder that may be there already, before work whose results go into it begins. Throws UserError. */
export async function makeFolder(folder: string, option: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (cause) {
    throw new UserError('FOLDER_UNUSABLE', `${option} ${folder}: ${(cause as Error).message}; name a folder`, {
      cause,
    });
  }
}
