/** Structured logs: one JSON object a line, on stderr. */
import { destination, type Logger, pino, stdTimeFunctions } from 'pino';
import { z } from 'zod';

export const logLevelSchema = z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']);

export function createLogger(level: z.infer<typeof logLevelSchema>, fields: Readonly<Record<string, string>>): Logger {
  return pino(
    {
      level,
      // Process id and host name say nothing in a pod.
      base: fields,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label: string) => ({ level: label }) },
    },
    // Written at once: the last lines before an exit are the ones that matter.
    destination({ fd: 2, sync: true }),
  );
}
