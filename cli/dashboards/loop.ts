/** One closed loop: its metrics against their thresholds, the ranks, what it did, and what holds it back. */
import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { dashboard, linkTo } from './dashboard.ts';
import { badFromOne, graph, labelVariable, number, table } from './panels.ts';

const loop = 'namespace="$namespace", closed_loop="$closed_loop"';
/** While leadership changes two processes may tell of one loop. */
const only = (series: string, ...by: string[]) => `max by (${by.join(', ')}) (${series})`;

export function loopDashboard(): Dashboard {
  return dashboard({
    uid: 'duoloop-loop',
    title: 'Duoloop / Closed loop',
    description:
      'One ClosedLoop: its metrics against their thresholds, the ranks, what it did, and what holds it back.',
    variables: [
      labelVariable('namespace', 'Namespace', 'label_values(duoloop_closed_loop_replicas, namespace)', false),
      labelVariable(
        'closed_loop',
        'ClosedLoop',
        'label_values(duoloop_closed_loop_replicas{namespace="$namespace"}, closed_loop)',
        false,
      ),
      labelVariable('metric', 'Metric', `label_values(duoloop_closed_loop_threshold{${loop}}, metric)`, true),
    ],
    alerts: loop,
    rows: {
      Size: [
        number({
          title: 'Size',
          description: 'Replicas of the target, or the size of the group, when it was last decided on.',
          queries: { size: only(`duoloop_closed_loop_replicas{${loop}}`) },
          sparkline: true,
          width: 4,
        }),
        number({
          title: 'Wanted',
          description: 'What the last decision made of it.',
          queries: { wanted: only(`duoloop_closed_loop_wanted_replicas{${loop}}`) },
          width: 4,
        }),
        number({
          title: 'Set-point',
          description: "The agent's, while it is fresh: the loop goes above it, not below.",
          queries: { 'set-point': only(`duoloop_closed_loop_set_point_replicas{${loop}}`) },
          nothing: 'none',
          width: 4,
        }),
        number({
          title: 'Metrics missing',
          description: 'In the last tick.',
          queries: { missing: only(`duoloop_closed_loop_missing_metrics{${loop}}`) },
          colours: badFromOne,
          width: 4,
        }),
        table({
          title: 'Conditions that are not met',
          description: 'kubectl describe closedloop, or duoloop explain, says what to do.',
          query: only(`duoloop_closed_loop_unmet_condition{${loop}}`, 'type', 'reason'),
          columns: { type: 'Condition', reason: 'Reason' },
          width: 8,
          height: 4,
        }),
        graph({
          title: 'Size',
          description: 'In force, as wanted by each decision, and the set-point of the agent while it is fresh.',
          queries: {
            size: only(`duoloop_closed_loop_replicas{${loop}}`),
            wanted: only(`duoloop_closed_loop_wanted_replicas{${loop}}`),
            'set-point': only(`duoloop_closed_loop_set_point_replicas{${loop}}`),
          },
          steps: true,
          dashed: '/set-point|wanted/',
          minimum: 0,
          width: 24,
        }),
      ],
      'Metrics against their thresholds': [
        graph({
          title: '$metric',
          description:
            'superior is breached above, inferior below. track is what the present size is meant to carry in all. A gap: missing.',
          queries: {
            '{{metric}}': only(`duoloop_closed_loop_metric{${loop}, metric="$metric"}`, 'metric'),
            '{{kind}}': only(`duoloop_closed_loop_threshold{${loop}, metric="$metric"}`, 'kind'),
          },
          steps: true,
          dashed: '/superior|inferior|equal|track/',
          repeat: 'metric',
          width: 24,
        }),
      ],
      Decisions: [
        graph({
          title: 'Over threshold',
          description: 'Each metric over what it must not rise above: more than 1 asks for more.',
          queries: {
            '{{metric}}':
              `${only(`duoloop_closed_loop_metric{${loop}}`, 'metric')} / on (metric) ` +
              only(`duoloop_closed_loop_threshold{${loop}, kind=~"superior|track"}`, 'metric'),
          },
          decimals: 2,
          minimum: 0,
          width: 12,
        }),
        graph({
          title: 'Ranks',
          description: '1 is first: of the metrics in breach, ups before downs, the best ranked one is reacted to.',
          queries: { '{{metric}}': only(`duoloop_closed_loop_rank{${loop}}`, 'metric') },
          steps: true,
          decimals: 0,
          width: 12,
        }),
        graph({
          title: 'Changes',
          description: 'Carried out, an hour, by the metric reacted to; without a name: set-point, fallback or bounds.',
          queries: {
            '{{metric}} {{kind}} {{direction}}': `3600 * sum by (metric, kind, direction) (rate(duoloop_closed_loop_changes_total{${loop}}[$__rate_interval]))`,
          },
          minimum: 0,
          width: 12,
        }),
        graph({
          title: 'Conditions that were not met',
          description: 'MaxReplicas: it wants more than it may. RollingOut, Paused: it holds its size.',
          queries: { '{{type}}: {{reason}}': only(`duoloop_closed_loop_unmet_condition{${loop}}`, 'type', 'reason') },
          steps: true,
          stacked: true,
          decimals: 0,
          width: 12,
        }),
      ],
      'What tunes it': [
        table({
          title: 'DeliberativeLoops of this namespace',
          description: 'Those that apply nothing (Observe, Recommend) only show proposals.',
          query: 'max by (deliberative_loop, mode, policy) (duoloop_deliberative_loop_info{namespace="$namespace"})',
          columns: { deliberative_loop: 'DeliberativeLoop', mode: 'Mode', policy: 'Policy' },
          link: {
            column: 'DeliberativeLoop',
            title: 'Beside an HPA',
            url: linkTo('duoloop-agent', {
              namespace: '$namespace',
              deliberative_loop: `\${__data.fields.DeliberativeLoop}`,
            }),
          },
          width: 12,
          height: 6,
        }),
        graph({
          title: 'Fresh proposals',
          description: 'Of the DeliberativeLoops of this namespace. 0: the reactive loops go on alone.',
          queries: {
            '{{deliberative_loop}}': only(
              'duoloop_deliberative_loop_fresh_proposals{namespace="$namespace"}',
              'deliberative_loop',
            ),
          },
          steps: true,
          minimum: 0,
          decimals: 0,
          width: 12,
          height: 6,
        }),
      ],
    },
  });
}
