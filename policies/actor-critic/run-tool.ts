/** Runs an external program to its end. */
import { execFile } from 'node:child_process';

/** An external program is missing or failed; the message is one line with the program's last words. */
export class ToolError extends Error {
  readonly code = 'tool.failed';

  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'ToolError';
  }
}

export interface RunToolOptions {
  readonly cwd?: string;
  readonly signal?: AbortSignal;
  readonly timeoutSeconds?: number;
}

/** Resolves to what the program wrote to stdout. @throws ToolError */
export function runTool(program: string, args: readonly string[], options: RunToolOptions = {}): Promise<string> {
  const { cwd, signal, timeoutSeconds = 900 } = options;
  return new Promise((resolve, reject) => {
    const limits = { timeout: timeoutSeconds * 1000, maxBuffer: 64 * 1024 * 1024 };
    execFile(program, [...args], { cwd, signal, ...limits }, (error, stdout, stderr) => {
      if (error === null) {
        resolve(stdout);
        return;
      }
      const words = stderr.split('\n').findLast((line) => line.trim() !== '') ?? error.message;
      reject(new ToolError(`${program} failed: ${words.trim()}`, { cause: error }));
    });
  });
}
