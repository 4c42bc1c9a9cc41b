/** The operator: is it up and on time, what do all closed loops do, and what holds it back. */
import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { dashboard, linkTo } from './dashboard.ts';
import { operatorProcessRows } from './operator-process.ts';
import { badFromOne, goodFromOne, graph, number, table } from './panels.ts';
import { quantile, rate } from './rates.ts';

const job = 'job="duoloop-operator"';

export function operatorDashboard(): Dashboard {
  return dashboard({
    uid: 'duoloop-operator',
    title: 'Duoloop / Operator',
    description: 'Is the operator up and on time, what do all closed loops do, and what holds it back.',
    variables: [],
    alerts: 'alertname=~"Duoloop.*"',
    rows: {
      Now: [
        number({
          title: 'Operators',
          description:
            'Processes that answer Prometheus. One of them leads; the others take over within the lease time.',
          queries: { up: `sum(up{${job}})` },
          colours: goodFromOne,
          width: 3,
        }),
        number({
          title: 'Leader',
          description: 'Exactly 1: only the leader acts. None for minutes: nothing is scaled.',
          queries: { leaders: 'sum(duoloop_leader)' },
          colours: goodFromOne,
          width: 3,
        }),
        number({
          title: 'Loops running',
          description: 'Closed loops whose target may be scaled.',
          queries: { running: 'sum(duoloop_closed_loops{standing="running"})' },
          width: 3,
        }),
        number({
          title: 'Refused or invalid',
          description:
            'Closed loops that scale nothing: something else owns the target, it is not there, or the spec is wrong.',
          queries: { refused: 'sum(duoloop_closed_loops{standing=~"refused|invalid"})' },
          colours: badFromOne,
          width: 3,
        }),
        number({
          title: 'Loops with missing metrics',
          description: 'They do not scale down, and not up by the metric that is missing.',
          queries: { loops: 'count(duoloop_closed_loop_missing_metrics > 0) or vector(0)' },
          colours: badFromOne,
          width: 3,
        }),
        number({
          title: 'Sources that do not answer',
          description: 'Prometheus or metrics.k8s.io, when they did not answer the last times.',
          queries: { gone: 'count(max by (source) (duoloop_source_available) == 0) or vector(0)' },
          colours: badFromOne,
          width: 3,
        }),
        number({
          title: 'Groups incomplete',
          description: 'ScalingGroups with fewer complete sets ready than their size.',
          queries: { groups: 'count(duoloop_scaling_group_ready_sets < duoloop_scaling_group_size) or vector(0)' },
          colours: badFromOne,
          width: 3,
        }),
        number({
          title: 'Alerts firing',
          description: 'Of Duoloop.',
          queries: { alerts: 'count(ALERTS{alertname=~"Duoloop.*", alertstate="firing"}) or vector(0)' },
          colours: badFromOne,
          width: 3,
        }),
      ],
      'Closed loops': [
        graph({
          title: 'Changes',
          description: 'Scalings and resizes that were carried out, a minute.',
          unit: 'epm',
          queries: { '{{kind}} {{direction}}': `60 * ${rate('duoloop_reactions_total', 'kind', 'direction')}` },
          minimum: 0,
          width: 8,
        }),
        graph({
          title: 'Decisions',
          description: 'none: no breach; reaction: a metric won; held: paused or rolling out.',
          unit: 'epm',
          queries: { '{{outcome}}': `60 * ${rate('duoloop_decisions_total', 'outcome')}` },
          stacked: true,
          width: 8,
        }),
        graph({
          title: 'Safety rules at work',
          description: 'Decisions that a rule held back or changed, a minute.',
          unit: 'epm',
          queries: { '{{clamp}}': `60 * ${rate('duoloop_clamps_total', 'clamp')}` },
          minimum: 0,
          width: 8,
        }),
        table({
          title: 'Conditions that are not met',
          description:
            'What kubectl describe closedloop explains in words. Paused, RollingOut and ScalingLimited are no faults.',
          query: 'max by (namespace, closed_loop, type, reason) (duoloop_closed_loop_unmet_condition)',
          columns: { namespace: 'Namespace', closed_loop: 'ClosedLoop', type: 'Condition', reason: 'Reason' },
          link: {
            column: 'ClosedLoop',
            title: 'This loop',
            url: linkTo('duoloop-loop', {
              namespace: `\${__data.fields.Namespace}`,
              closed_loop: `\${__data.fields.ClosedLoop}`,
            }),
          },
          width: 12,
        }),
        graph({
          title: 'Failures',
          description:
            'Scalings and resizes that failed, targets refused, metrics missing, questions to OPA without an answer.',
          unit: 'epm',
          queries: {
            'scaling failed: {{reason}}': `60 * ${rate('duoloop_scaling_failures_total', 'reason')}`,
            'refused: {{reason}}': `60 * ${rate('duoloop_refusals_total', 'reason')}`,
            'missing from {{source}}': `60 * ${rate('duoloop_missing_metrics_total', 'source')}`,
            'OPA failed': '60 * sum(rate(duoloop_policy_engine_failures_total[$__rate_interval]))',
          },
          minimum: 0,
          width: 12,
        }),
      ],
      'Ticks and sources': [
        graph({
          title: 'Ticks begin late by',
          description: 'From the moment a tick was due. Above a second: the operator lacks processor time.',
          unit: 's',
          queries: {
            median: quantile(0.5, 'duoloop_tick_lateness_seconds'),
            '99 %': quantile(0.99, 'duoloop_tick_lateness_seconds'),
          },
          minimum: 0,
          width: 8,
        }),
        graph({
          title: 'Ticks take',
          description: 'Until the last loop of a tick is done, its scaling included; and ticks that were left out.',
          unit: 's',
          queries: {
            median: quantile(0.5, 'duoloop_tick_duration_seconds'),
            '99 %': quantile(0.99, 'duoloop_tick_duration_seconds'),
          },
          minimum: 0,
          width: 8,
        }),
        graph({
          title: 'Ticks left out',
          description: 'busy: the loop had not ended its last tick. late: the operator was held up.',
          unit: 'epm',
          queries: { '{{reason}}': `60 * ${rate('duoloop_ticks_skipped_total', 'reason')}` },
          minimum: 0,
          width: 8,
        }),
        graph({
          title: 'Requests to sources of metrics',
          description: 'One shared query answers many loops.',
          unit: 'reqps',
          queries: {
            '{{source}} {{question}} {{result}}': rate('duoloop_source_requests_total', 'source', 'question', 'result'),
          },
          minimum: 0,
          width: 12,
        }),
        graph({
          title: 'Sources answer within',
          description: '99 % of the answers. A tick waits for four fifths of its interval.',
          unit: 's',
          queries: { '{{source}}': quantile(0.99, 'duoloop_source_request_duration_seconds', 'source') },
          minimum: 0,
          width: 12,
        }),
      ],
      Groups: [
        graph({
          title: 'Scalings take',
          description: 'From the request until the last member was ready, and until the last patch was accepted.',
          unit: 's',
          queries: {
            'ready, median': quantile(0.5, 'duoloop_scaling_group_scaling_seconds'),
            'ready, 99 %': quantile(0.99, 'duoloop_scaling_group_scaling_seconds'),
            'patched, 99 %': quantile(0.99, 'duoloop_scaling_group_patch_seconds'),
          },
          minimum: 0,
          width: 8,
        }),
        graph({
          title: 'Scalings',
          description: 'By how they ended, an hour.',
          queries: { '{{outcome}}': `3600 * ${rate('duoloop_scaling_group_scalings_total', 'outcome')}` },
          minimum: 0,
          width: 8,
        }),
        table({
          title: 'Incomplete groups',
          description: 'Complete sets that are missing. kubectl describe scalinggroup names the members.',
          query:
            'max by (namespace, scaling_group) (duoloop_scaling_group_size)' +
            ' - max by (namespace, scaling_group) (duoloop_scaling_group_ready_sets) > 0',
          columns: { namespace: 'Namespace', scaling_group: 'ScalingGroup' },
          value: 'Sets missing',
          width: 8,
        }),
      ],
      ...operatorProcessRows(),
    },
  });
}
