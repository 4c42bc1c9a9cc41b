/** `duoloop operator`: the reactive loop and the coordinated scaler as a process. */
import { z } from 'zod';
import {
  clusterFields,
  clusterOptions,
  namespaceLabelFields,
  namespaceLabelOption,
  prometheusFields,
  prometheusOptions,
} from '../env/cluster/command-options.ts';
import { defineCommand } from '../env/command.ts';
import { UserError } from '../env/errors.ts';
import { logLevelSchema } from '../env/service/logger.ts';

const port = z.coerce.number().int().min(0).max(65_535);
const patterns = z
  .array(
    z.string().transform((pattern, context) => {
      try {
        return new RegExp(pattern, 'i');
      } catch (cause) {
        context.addIssue({ code: 'custom', message: `is not a regular expression: ${(cause as Error).message}` });
        return z.NEVER;
      }
    }),
  )
  .default([/\.svc(\.cluster\.local)?$/i]);

export const operatorOptionsSchema = z
  .object({
    ...clusterFields,
    namespace: z.string().default('duoloop-system'),
    watchNamespace: z.array(z.string()).optional(),
    ...prometheusFields,
    ...namespaceLabelFields,
    scrapeIntervalSeconds: z.coerce.number().min(1).max(3600).optional(),
    bind: z.string().default('127.0.0.1'),
    port: port.default(8080),
    ingestPort: port.default(8081),
    ingestAddress: z.url({ protocol: /^https?$/ }).optional(),
    tlsCert: z.string().optional(),
    tlsKey: z.string().optional(),
    webhookPort: port.optional(),
    webhookUrl: z.url({ protocol: /^https$/ }).optional(),
    webhookService: z.string().default('duoloop-webhook'),
    httpSourceHost: patterns,
    policyHost: patterns,
    leaseDurationSeconds: z.coerce.number().min(1).max(600).default(15),
    identity: z.string().min(1).max(253).optional(),
    logLevel: logLevelSchema.default('info'),
  })
  .refine((options) => (options.tlsCert === undefined) === (options.tlsKey === undefined), {
    path: ['tlsCert'],
    message: 'and --tls-key belong together: give both or neither',
  });
export type OperatorOptions = z.infer<typeof operatorOptionsSchema>;

export const command = defineCommand({
  examples: [
    'duoloop operator --prometheus http://localhost:9090',
    'duoloop operator --namespace duoloop-system --watch-namespace shop --prometheus http://prometheus.monitoring.svc:9090',
  ],
  options: [
    ...clusterOptions,
    { flags: '--namespace <name>', description: 'namespace of the lease and of the webhook certificate' },
    { flags: '--watch-namespace <name...>', description: 'serve these namespaces only; needs no cluster-wide rights' },
    ...prometheusOptions('without it its metrics are missing'),
    namespaceLabelOption,
    {
      flags: '--scrape-interval-seconds <n>',
      description: "Prometheus' scrape interval: the webhook warns of loops that tick faster",
    },
    { flags: '--bind <address>', description: 'address that all servers listen on' },
    { flags: '--port <n>', description: 'health, readiness and metrics; 0 for a free one' },
    { flags: '--ingest-port <n>', description: 'pushed metrics; 0 for a free one' },
    { flags: '--ingest-address <url>', description: 'where other replicas reach this ingest port' },
    { flags: '--tls-cert <file>', description: 'certificate of the ingest port; plain HTTP without' },
    { flags: '--tls-key <file>', description: 'its key' },
    { flags: '--webhook-port <n>', description: 'validating webhook; none when left out' },
    { flags: '--webhook-url <url>', description: 'where the API server reaches the webhook outside of a cluster' },
    { flags: '--webhook-service <name>', description: 'Service of the webhook in --namespace' },
    { flags: '--http-source-host <regexp...>', description: 'hosts that http metric sources may name' },
    { flags: '--policy-host <regexp...>', description: 'hosts that OPA decisions may name' },
    { flags: '--lease-duration-seconds <n>', description: 'time after which a dead leader is replaced' },
    { flags: '--identity <name>', description: 'of this replica in the lease (host name and a random part)' },
    { flags: '--log-level <level>', description: 'trace, debug, info, warn, error, fatal or silent' },
  ],
  schema: operatorOptionsSchema,
  async run(options, { signal }) {
    const { runOperator } = await import('./run-operator.ts');
    try {
      await runOperator(options, signal);
    } catch (error) {
      if (signal.aborted && !(error instanceof UserError)) return;
      throw error;
    }
    return 0;
  },
});
