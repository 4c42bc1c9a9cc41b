/** Runs a program to its end. */
import { execFile } from 'node:child_process';
import { childEnvironment } from '../../settings.ts';

export interface RunProgramOptions {
  readonly cwd?: string;
  /** Added to the environment of this process. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  readonly timeoutSeconds?: number;
}

/** Resolves to what it wrote to stdout and stderr. @throws Error with the program's last words, in one line. */
export function runProgramText(
  program: string,
  programArguments: readonly string[],
  { cwd, environment = {}, signal, timeoutSeconds = 3_600 }: RunProgramOptions = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = {
      cwd,
      signal,
      env: childEnvironment(environment),
      timeout: timeoutSeconds * 1000,
      maxBuffer: 64 * 1024 * 1024,
    };
    execFile(program, [...programArguments], options, (error, stdout, stderr) => {
      if (error === null) {
        resolve(stdout + stderr);
        return;
      }
      const words = stderr.split('\n').findLast((line) => line.trim() !== '') ?? error.message;
      reject(new Error(`${program} failed: ${words.trim()}`, { cause: error }));
    });
  });
}
