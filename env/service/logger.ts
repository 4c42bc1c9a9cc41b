/** Structured logs: one JSON object a line, on stderr, so that results on stdout stay readable by programs. */
import { destination, type Logger, pino, stdTimeFunctions } from 'pino';
import { z } from 'zod';

export type { Logger };

export const logLevelSchema = z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']);
export type LogLevel = z.infer<typeof logLevelSchema>;

export interface LoggerOptions {
  readonly level?: LogLevel;
  /** Added to every line. */
  readonly fields?: Readonly<Record<string, string>>;
  /** Where the lines go instead of stderr. */
  readonly output?: { write(line: string): void };
}

export function createLogger({ level = 'info', fields = {}, output }: LoggerOptions = {}): Logger {
  const options = {
    level,
    // Process id and host name say nothing in a pod.
    base: fields,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    // A token in an error's request must not end in a log.
    redact: { paths: ['headers.authorization', 'headers.Authorization', 'token', '*.token'], censor: '[redacted]' },
  };
  // Written at once: the last lines before an exit are the ones that matter.
  return pino(options, output ?? destination({ fd: 2, sync: true }));
}
