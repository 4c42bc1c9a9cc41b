/** The agent against the HPA's twin under the same load, and what it decides. */
import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { dashboard } from './dashboard.ts';
import { badFromOne, goodFromOne, graph, labelVariable, number, table } from './panels.ts';

const job = 'job="duoloop-agent"';
const loops = 'namespace=~"$namespace", deliberative_loop=~"$deliberative_loop"';
/** Of one side of the comparison: the closed loops as they are scaled (`live`), or the HPA's twin (`hpa`). */
const sum = (name: string, under: 'live' | 'hpa', window: string) =>
  `sum(increase(duoloop_agent_${name}_total{${loops}, under="${under}"}[${window}]))`;
const compared = (window: string) => `sum(increase(duoloop_agent_compared_seconds_total{${loops}}[${window}]))`;
const names = { live: 'two loops', hpa: 'HPA' } as const;

/** The same for both sides, by what the legend calls them. */
function bothSides(query: (under: 'live' | 'hpa') => string): Record<string, string> {
  return { [names.live]: query('live'), [names.hpa]: query('hpa') };
}

export function agentDashboard(): Dashboard {
  return dashboard({
    uid: 'duoloop-agent',
    title: 'Duoloop / Agent against HPA',
    description:
      "What the closed loops cost and violate, against the HPA's twin in the simulator under the same load. In Observe the " +
      'first is whatever scales the workloads now.',
    variables: [
      labelVariable('namespace', 'Namespace', 'label_values(duoloop_agent_proposals, namespace)', true),
      labelVariable(
        'deliberative_loop',
        'DeliberativeLoop',
        'label_values(duoloop_agent_proposals{namespace=~"$namespace"}, deliberative_loop)',
        true,
      ),
    ],
    alerts: 'alertname=~"Duoloop(Agent|SetPoints).*"',
    from: 'now-24h',
    rows: {
      'Against an HPA under the same load, in the time shown': [
        number({
          title: 'Time above the SLA',
          description: 'Share of the time compared.',
          unit: 'percentunit',
          decimals: 2,
          queries: bothSides((under) => `${sum('violation_seconds', under, '$__range')} / ${compared('$__range')}`),
          width: 6,
        }),
        number({
          title: 'Pod hours',
          description: 'Cost: pods times hours.',
          unit: 'h',
          decimals: 1,
          queries: bothSides((under) => `${sum('pod_seconds', under, '$__range')} / 3600`),
          width: 6,
        }),
        number({
          title: 'Scaling actions',
          description: 'Churn: changes of size.',
          decimals: 0,
          queries: bothSides((under) => sum('scaling_actions', under, '$__range')),
          width: 6,
        }),
        number({
          title: 'Reward above the HPA',
          description: 'Mean of the intervals, by the reward of training. Below 0: the HPA would have done better.',
          decimals: 3,
          queries: { advantage: `avg(avg_over_time(duoloop_agent_reward_advantage{${loops}}[$__range]))` },
          colours: [
            { value: null, color: 'red' },
            { value: 0, color: 'green' },
          ],
          width: 6,
        }),
        graph({
          title: 'Time above the SLA',
          description: 'Share of the last hour.',
          unit: 'percentunit',
          queries: bothSides((under) => `${sum('violation_seconds', under, '1h')} / ${compared('1h')}`),
          dashed: '/HPA/',
          minimum: 0,
          width: 12,
        }),
        graph({
          title: 'Pods',
          description: 'Mean of the last hour, of all closed loops chosen.',
          queries: bothSides(
            (under) =>
              `sum(increase(duoloop_agent_pod_seconds_total{${loops}, under="${under}"}[1h])` +
              ` / on (namespace, deliberative_loop, pod) group_left () increase(duoloop_agent_compared_seconds_total{${loops}}[1h]))`,
          ),
          dashed: '/HPA/',
          minimum: 0,
          width: 12,
        }),
        graph({
          title: 'Scaling actions',
          description: 'In the last hour.',
          queries: bothSides((under) => sum('scaling_actions', under, '1h')),
          dashed: '/HPA/',
          minimum: 0,
          width: 12,
        }),
        graph({
          title: 'Reward above the HPA',
          description: 'Mean of the last hour. Below 0: the HPA would have done better.',
          queries: {
            '{{namespace}}/{{deliberative_loop}}': `max by (namespace, deliberative_loop) (avg_over_time(duoloop_agent_reward_advantage{${loops}}[1h]))`,
          },
          width: 12,
        }),
      ],
      Decisions: [
        graph({
          title: 'Reward by term',
          description: 'Of the last interval: cost of replicas, SLA violations, churn. Each is 0 or less.',
          queries: { '{{term}}': `avg by (term) (duoloop_agent_reward{${loops}})` },
          stacked: true,
          width: 12,
        }),
        graph({
          title: 'Value',
          description: 'What the critic expects from here on.',
          queries: {
            '{{namespace}}/{{deliberative_loop}}': `max by (namespace, deliberative_loop) (duoloop_agent_value{${loops}})`,
          },
          width: 12,
        }),
        graph({
          title: 'Confidence',
          description: 'Probability that the policy gave to its choices.',
          unit: 'percentunit',
          queries: {
            '{{namespace}}/{{deliberative_loop}}': `max by (namespace, deliberative_loop) (duoloop_agent_confidence{${loops}})`,
          },
          minimum: 0,
          width: 8,
        }),
        graph({
          title: 'Abstentions',
          description: 'Closed loops that nothing is proposed for, and why. Their reactive loops go on alone.',
          queries: { '{{reason}}': `sum by (reason) (duoloop_agent_abstaining{${loops}})` },
          stacked: true,
          steps: true,
          decimals: 0,
          width: 8,
        }),
        graph({
          title: 'Proposals',
          description: 'Made by the agent, and fresh as the operator sees them.',
          queries: {
            made: `sum(duoloop_agent_proposals{${loops}})`,
            fresh: `sum(max by (namespace, deliberative_loop) (duoloop_deliberative_loop_fresh_proposals{${loops}}))`,
          },
          steps: true,
          minimum: 0,
          decimals: 0,
          width: 8,
        }),
        graph({
          title: 'What the operator makes of proposals',
          description:
            'Of all DeliberativeLoops: taken in, shown only (Observe, Recommend), refused, changed by a guardrail.',
          unit: 'epm',
          queries: {
            '{{outcome}}': '60 * sum by (outcome) (rate(duoloop_proposals_total[$__rate_interval]))',
            'refused: {{reason}}': '60 * sum by (reason) (rate(duoloop_proposal_refusals_total[$__rate_interval]))',
            'clamped: {{clamp}}': '60 * sum by (clamp) (rate(duoloop_proposal_clamps_total[$__rate_interval]))',
          },
          minimum: 0,
          width: 12,
        }),
        graph({
          title: 'An HPA would ask for',
          description: 'Replicas, now; the sum of the closed loops.',
          queries: {
            '{{namespace}}/{{deliberative_loop}}': `sum by (namespace, deliberative_loop) (duoloop_agent_hpa_would_be_replicas{${loops}})`,
          },
          steps: true,
          minimum: 0,
          width: 12,
        }),
        table({
          title: 'Modes',
          description: 'Observe and Recommend apply nothing; Bounded keeps to maxStep; Autonomous does without it.',
          query: `max by (namespace, deliberative_loop, mode, policy) (duoloop_deliberative_loop_info{${loops}})`,
          columns: { namespace: 'Namespace', deliberative_loop: 'DeliberativeLoop', mode: 'Mode', policy: 'Policy' },
          width: 12,
          height: 6,
        }),
        table({
          title: 'Policies in force',
          description: 'By the checksum of their weights: status.policy.sha256.',
          query: `max by (namespace, deliberative_loop, sha256) (duoloop_agent_checkpoint_info{${loops}})`,
          columns: { namespace: 'Namespace', deliberative_loop: 'DeliberativeLoop', sha256: 'SHA-256' },
          width: 12,
          height: 6,
        }),
      ],
      Agents: [
        number({
          title: 'Agents',
          description: 'Processes that answer Prometheus.',
          queries: { up: `sum(up{${job}})` },
          colours: goodFromOne,
          width: 4,
        }),
        number({
          title: 'DeliberativeLoops decided for',
          description: 'Each by one agent.',
          queries: { own: 'sum(duoloop_agent_deliberative_loops{state="own"})' },
          width: 4,
        }),
        number({
          title: 'Served late',
          description: 'In the time shown: more than a quarter of the interval after they were due.',
          queries: { late: 'sum(increase(duoloop_agent_late_decisions_total[$__range]))' },
          decimals: 0,
          width: 4,
        }),
        number({
          title: 'Rounds failed',
          description: 'In the time shown: the API server or the deadline ended them.',
          queries: { failed: 'sum(increase(duoloop_agent_rounds_total{outcome="failed"}[$__range])) or vector(0)' },
          colours: badFromOne,
          decimals: 0,
          width: 4,
        }),
        graph({
          title: 'Memory',
          description: 'Resident.',
          unit: 'bytes',
          queries: { '{{pod}}': `sum by (pod) (process_resident_memory_bytes{${job}})` },
          minimum: 0,
          width: 8,
          height: 4,
        }),
        graph({
          title: 'A round takes',
          description: '99 % of the rounds, by step; round is all of it.',
          unit: 's',
          queries: {
            '{{step}}':
              'histogram_quantile(0.99, sum by (le, step) (rate(duoloop_agent_decision_seconds_bucket[$__rate_interval])))',
          },
          minimum: 0,
          width: 16,
        }),
        graph({
          title: 'Processor',
          description: 'Cores in use.',
          queries: { '{{pod}}': `sum by (pod) (rate(process_cpu_seconds_total{${job}}[$__rate_interval]))` },
          minimum: 0,
          width: 8,
        }),
      ],
    },
  });
}
