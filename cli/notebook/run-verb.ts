/** Runs `duoloop` as a terminal would, in a process of its own: training must not hold up the notebook's kernel. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const program = fileURLToPath(new URL('../../bin/duoloop.mjs', import.meta.url));
/** A saved inspection with its decision map has some 50 kB; an end to what a mistake can print. */
const mostOutputBytes = 64 * 1024 * 1024;

/**
 * Runs a verb in the working folder and resolves to what it printed, without the progress.
 * @throws Error with what the verb said when its exit code is not 0
 */
export async function run(...words: string[]): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [program, ...words], { maxBuffer: mostOutputBytes });
    return stdout.trimEnd();
  } catch (cause) {
    const { code, stderr = '' } = cause as { code?: unknown; stderr?: string };
    throw new Error(`duoloop ${words.join(' ')} ended with ${code}: ${stderr.trim()}`, { cause });
  }
}
