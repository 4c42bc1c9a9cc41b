/** A Prometheus as a user names it on a command line: an address and, where it asks for one, a file with a bearer token. */
import { readFile } from 'node:fs/promises';
import { UserError } from '../errors.ts';
import { createPrometheusClient, type PrometheusClient, type PrometheusOptions } from './prometheus.ts';

export interface PrometheusConnection extends Omit<PrometheusOptions, 'bearerToken'> {
  readonly tokenFile?: string;
}

/**
 * Asks nothing yet. Tokens of service accounts are renewed in their file, so it is read at each query.
 * @throws UserError `prometheus.token` when the token file cannot be read now; PrometheusError when the address is no URL
 */
export async function connectPrometheus({ tokenFile, ...options }: PrometheusConnection): Promise<PrometheusClient> {
  if (tokenFile === undefined) return createPrometheusClient(options);
  const bearerToken = async () => (await readFile(tokenFile, 'utf8')).trim();
  try {
    await bearerToken();
  } catch (cause) {
    throw new UserError(
      'prometheus.token',
      `--prometheus-token-file ${tokenFile}: ${(cause as Error).message}; name a file that can be read, or leave the option out`,
      { cause },
    );
  }
  return createPrometheusClient({ ...options, bearerToken });
}
