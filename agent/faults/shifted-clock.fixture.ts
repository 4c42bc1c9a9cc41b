/** A process whose clock somebody sets while it runs: only its own, since the machine's is everybody's. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

export interface ShiftedClock {
  /** For Node to load before the program. */
  readonly module: string;
  /** How far the process's clock is ahead from now on, seconds. */
  shift(seconds: number): Promise<void>;
}

export async function createShiftedClock(folder: string, name: string): Promise<ShiftedClock> {
  const file = join(folder, `${name}.shift`);
  const shift = (seconds: number) => writeFile(file, String(seconds));
  await shift(0);
  const source = `
    import { readFileSync } from 'node:fs';
    const realNow = Date.now;
    Date.now = () => realNow() + 1000 * Number(readFileSync(new URL('${pathToFileURL(file)}'), 'utf8'));
  `;
  return { module: `data:text/javascript,${encodeURIComponent(source)}`, shift };
}
