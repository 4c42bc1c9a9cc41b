/** Why a query returns nothing for anyone: which metric is not there, what is named otherwise, which preset would fit. */
import type { PrometheusSample } from '../prometheus.ts';
import { type MetricName, type MetricPreset, metricPresets } from './metric-queries.ts';
import { podMetricNames } from './pod-series.ts';
import { presetQueries } from './presets.ts';
import { type QueryScope, renderLiveQuery } from './query-text.ts';
import { requestSeries } from './request-series.ts';

export interface DiagnosisOptions {
  readonly ask: (query: string, signal: AbortSignal) => Promise<readonly PrometheusSample[]>;
  /** Undefined: the queries are of no preset. */
  readonly presetName: MetricPreset | undefined;
  /** Unix seconds. */
  readonly now: () => number;
  /** For how long an answer is believed, so that an outage does not multiply queries. */
  readonly rememberSeconds?: number;
}

export interface Diagnosis {
  /** Undefined when nothing can be said. Never rejects: what is missing is said all the same, and why is a help only. */
  hint(metric: MetricName, scope: QueryScope, signal: AbortSignal): Promise<string | undefined>;
}

const shownWorkloads = 3;

export function createDiagnosis({ ask, presetName, now, rememberSeconds = 300 }: DiagnosisOptions): Diagnosis {
  const remembered = new Map<MetricName, { readonly until: number; readonly text: string | undefined }>();

  async function namesPresent(names: readonly string[], scope: QueryScope, matcher: string, signal: AbortSignal) {
    // The library takes a name out of the labels, so it is asked for under another one.
    const query = `count by (name) (label_replace({__name__=~"${names.join('|')}"${matcher}},"name","$1","__name__","(.*)"))`;
    const samples = await ask(renderLiveQuery(query, scope), signal);
    return new Set(samples.map(({ labels }) => labels.name));
  }

  async function explainPods(names: readonly string[], scope: QueryScope, signal: AbortSignal) {
    const present = await namesPresent(names, scope, ',namespace=~"$namespaces"', signal);
    const absent = names.filter((name) => !present.has(name));
    return absent.length === 0
      ? `its metrics are there, so look at their labels, and that $window (${scope.windowSeconds} s) holds two scrapes`
      : `Prometheus has no ${absent.join(', ')} with namespace=~"${scope.namespaces.slice(0, shownWorkloads).join('|')}"`;
  }

  async function explainRequests(
    metric: 'requestsPerSecond' | 'p95Milliseconds',
    scope: QueryScope,
    signal: AbortSignal,
  ) {
    const own = presetName === undefined || presetName === 'custom' ? [] : requestSeries[presetName];
    const findings: string[] = [];
    for (const { counter, bucket, labels } of own) {
      const name = metric === 'requestsPerSecond' ? counter : bucket;
      const selected = labels.map(({ matchers }) => `count(${name}{${matchers}})`).join(' or ');
      const [found] = await ask(renderLiveQuery(selected, scope), signal);
      if (found !== undefined) {
        findings.push(`${name} has no two samples within ${scope.windowSeconds} s; take a rate window of four scrapes`);
      } else {
        const present = await namesPresent([name], scope, '', signal);
        findings.push(present.has(name) ? `${name} is there with other labels` : `there is no ${name}`);
      }
    }
    const fitting: string[] = [];
    for (const preset of metricPresets) {
      // Online Boutique's queries begin with Istio's.
      const contained = preset === 'online-boutique' && (presetName === 'istio' || fitting.length > 0);
      if (preset === presetName || preset === 'custom' || contained) continue;
      const query = presetQueries(preset)[metric];
      const samples = await ask(renderLiveQuery(query, { ...scope, workloads: undefined }), signal);
      const workloads = [...new Set(samples.flatMap(({ labels }) => labels.workload ?? []))].sort();
      if (workloads.length > 0) fitting.push(`${preset} (${workloads.slice(0, shownWorkloads).join(', ')})`);
    }
    findings.push(
      fitting.length > 0
        ? `the preset ${fitting.join(' or ')} would return something`
        : 'no other preset would return anything',
    );
    return findings.join('; ');
  }

  return {
    async hint(metric, scope, signal) {
      const known = remembered.get(metric);
      if (known !== undefined && now() < known.until) return known.text;
      let text: string | undefined;
      let believedSeconds = rememberSeconds;
      try {
        text =
          metric === 'requestsPerSecond' || metric === 'p95Milliseconds'
            ? await explainRequests(metric, scope, signal)
            : await explainPods(podMetricNames[metric], scope, signal);
      } catch {
        believedSeconds = rememberSeconds / 10;
      }
      remembered.set(metric, { until: now() + believedSeconds, text });
      return text;
    },
  };
}
