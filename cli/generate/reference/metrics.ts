/** docs/reference/metrics.md: every metric of operator, agent and training, by the registries that they are served from. */
import type { Registry } from 'prom-client';
import { code, generatedNote, listItem, plain, sentence, wrap } from './markdown.ts';
import { agentRegistry, operatorRegistry, trainingRegistry } from './registries.ts';

interface MetricsSource {
  readonly heading: string;
  readonly intro: string;
  readonly registry: Registry;
}

/** What prom-client tells of a metric; it declares less than it gives. */
interface RegisteredMetric {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly labelNames?: readonly string[];
}

export function metricsPage(): string {
  const sources: MetricsSource[] = [
    {
      heading: 'Operator',
      intro: `${code('duoloop operator --port')} (8080) serves them at ${code('/metrics')}. Those of loops and groups come from the replica that leads.`,
      registry: operatorRegistry(),
    },
    {
      heading: 'Agent',
      intro: `${code('duoloop agent --port')} (8082) serves them at ${code('/metrics')}.`,
      registry: agentRegistry(),
    },
    {
      heading: 'Training',
      intro: `${code('duoloop train --metrics-port')} serves them at ${code('/metrics')} while it trains.`,
      registry: trainingRegistry(),
    },
  ];
  return `${[
    generatedNote('the registries of operator, agent and training'),
    '# Metrics',
    wrap(
      'In the text format of Prometheus. Names in braces are labels. A histogram has the series ' +
        `${code('_bucket')} (with the label ${code('le')}), ${code('_sum')} and ${code('_count')}. Operator and agent also serve what prom-client ` +
        `tells of a Node.js process (${code('process_…')}, ${code('nodejs_…')}). Dashboards and alerts of them: [manifests](../../manifests).`,
    ),
    ...sources.flatMap(({ heading, intro, registry }) => [`## ${heading}`, wrap(intro), metricItems(registry)]),
  ].join('\n\n')}\n`;
}

function metricItems(registry: Registry): string {
  const metrics = registry.getMetricsAsArray() as unknown as readonly RegisteredMetric[];
  return [...metrics]
    .sort((one, other) => (one.name < other.name ? -1 : 1))
    .map(({ name, type, labelNames = [], help }) => {
      const labels = labelNames.length > 0 ? ` ${code(`{${labelNames.join(', ')}}`)}` : '';
      return listItem(`**${code(name)}**${labels}, ${type}: ${sentence(plain(help))}`);
    })
    .join('\n');
}
