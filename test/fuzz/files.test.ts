/** Histories, kubeconfigs and command lines. */
import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { verbs } from '../../cli.ts';
import { emptyServiceHistory, type History } from '../../env/calibration/history.ts';
import { formatHistoryCsv, parseHistoryCsv } from '../../env/calibration/history-csv.ts';
import { formatHistoryParquet, parseHistoryParquet } from '../../env/calibration/history-parquet.ts';
import { parseKubeconfig } from '../../env/cluster/kube-context.ts';
import type { Command } from '../../env/command.ts';
import { UserError } from '../../env/errors.ts';
import { formatMigrations } from '../../operator/migrate/format.ts';
import { migrateAutoscalers } from '../../operator/migrate/migrate.ts';
import { parseDocuments, readAutoscalers } from '../../operator/migrate/read-autoscalers.ts';
import { hostileText, mutatedText } from './arbitraries.ts';
import { errorOf, fuzz } from './fuzz.ts';

const userError = errorOf(UserError);

describe('histories', () => {
  const web = emptyServiceHistory('web', 3);
  web.requestsPerSecond.set([1, 2, 3]);
  web.p95Milliseconds.set([10, Number.NaN, 30]);
  const history: History = {
    startSecond: 1_800_000_000,
    stepSeconds: 15,
    steps: 3,
    rateWindowSeconds: 30,
    sampleIntervalSeconds: Number.NaN,
    sampleAgeSeconds: Number.NaN,
    services: [{ ...web, podStarts: [{ step: 1, seconds: 12.5 }] }],
  };
  const sound = ({ steps, services }: History) => {
    expect(steps).toBeGreaterThan(0);
    for (const { requestsPerSecond } of services) expect(requestsPerSecond).toHaveLength(steps);
  };

  fuzz({
    name: 'CSV',
    input: mutatedText([formatHistoryCsv(history)]),
    parse: (text) => parseHistoryCsv(text, 'a.csv'),
    throws: userError,
    check(parsed) {
      sound(parsed);
      // As text, which has no negative zero.
      const written = formatHistoryCsv(parsed);
      expect(formatHistoryCsv(parseHistoryCsv(written, 'again'))).toBe(written);
    },
  });

  const parquet = formatHistoryParquet(history);
  // Not damaged within: hyparquet goes round for ever where a page's header lacks a length (SECURITY.md, known limits).
  fuzz({
    name: 'Parquet, cut off or something else',
    input: fc.oneof(
      fc.constant(parquet),
      fc.nat(parquet.length - 1).map((length) => parquet.slice(0, length)),
      fc.uint8Array({ maxLength: 500 }),
    ),
    parse: (bytes) => parseHistoryParquet(bytes, 'a.parquet'),
    throws: userError,
    check: sound,
  });
});

fuzz({
  name: 'kubeconfigs',
  input: mutatedText([
    `apiVersion: v1
kind: Config
current-context: a
clusters: [{name: c, cluster: {server: 'https://10.0.0.1:6443', certificate-authority: ca.crt}}]
contexts:
- name: a
  context: &context {cluster: c, user: u}
- {name: b, context: *context}
users:
- name: u
  user: {tokenFile: token, exec: {command: get-token, args: [a]}}
`,
    '{"clusters":[{"name":"c","cluster":{"server":"http://[::1]:80"}}],"users":null,"contexts":[],"current-context":null}',
  ]),
  parse: (text) => parseKubeconfig(text, '/home/u/.kube/config'),
  throws: userError,
  check({ clusters, users }) {
    for (const { server } of clusters.values()) expect(server).toMatch(/^https?:/i);
    // Files of a kubeconfig are beside it, wherever the process was started.
    for (const { tokenFile } of users.values()) expect(tokenFile ?? '/').toMatch(/^(\/|$)/);
  },
});

fuzz({
  name: 'autoscalers to migrate from',
  input: mutatedText([
    `{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: web, namespace: shop}, spec: {
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, minReplicas: 2, maxReplicas: 9, metrics: [
  {type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}}]}}`,
    `{apiVersion: keda.sh/v1alpha1, kind: ScaledObject, metadata: {name: api}, spec: {scaleTargetRef: {name: api},
  triggers: [{type: prometheus, metadata: {serverAddress: 'http://p:9090', query: 'sum(x)', threshold: '100'}}]}}`,
  ]),
  parse: (text) =>
    formatMigrations(
      migrateAutoscalers(readAutoscalers(parseDocuments(text, 'a.yaml'), 'shop').autoscalers, new Map()),
    ),
  throws: userError,
  check(yaml) {
    for (const document of parseAllDocuments(yaml)) expect(document.errors).toEqual([]);
  },
});

/** Every option of every verb, with anything typed after it. */
describe('command lines', async () => {
  const commands: readonly Command[] = await Promise.all(verbs.map(async (verb) => (await verb.load()).command));
  const values = mutatedText(['7', '0.5', '1e3', '24h', 'http://localhost:9090', 'a,b', '0:1,5:2', '{}', '64,64']);
  fuzz({
    name: 'options',
    input: fc.tuple(
      fc.constantFrom(...commands),
      fc.array(fc.tuple(fc.nat(60), fc.oneof(values, hostileText), fc.boolean()), { maxLength: 6 }),
    ),
    parse([{ options, arguments: given = [], schema }, typed]) {
      const names = [
        ...options.map(({ flags }) => camelCase(/--([\w-]+)/.exec(flags)?.[1] ?? '')),
        ...given.map(({ name }) => camelCase(name.replace(/[^\w-]/g, ''))),
      ];
      const input = typed.map(([index, value, isList]) => [names[index % names.length], isList ? [value] : value]);
      return schema.safeParse(Object.fromEntries(input));
    },
    check({ success, data }) {
      // A number that is none would only be noticed by what is computed from it.
      if (success) expect(numbersIn(data).every((number) => !Number.isNaN(number))).toBe(true);
    },
  });
});

function camelCase(name: string): string {
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function numbersIn(data: unknown): number[] {
  if (typeof data === 'number') return [data];
  return typeof data === 'object' && data !== null ? Object.values(data).flatMap(numbersIn) : [];
}
