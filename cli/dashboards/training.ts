/** Training: the Jobs, how the runs under way learn, and what the policy in force earns. */
import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { dashboard } from './dashboard.ts';
import { badFromOne, graph, labelVariable, number, table } from './panels.ts';

const jobs = 'namespace=~"$namespace", job_name=~"duoloop-(train|retrain|promotion).*"';
const cronjobs = 'namespace=~"$namespace", cronjob=~"duoloop-(retrain|promotion).*"';
const runs = 'namespace=~"$namespace", pod=~"$run"';
/** One line a run. */
const run = (name: string) => ({ '{{pod}}': `max by (pod) (duoloop_training_${name}{${runs}})` });

export function trainingDashboard(): Dashboard {
  return dashboard({
    uid: 'duoloop-training',
    title: 'Duoloop / Training',
    description:
      'Jobs (of kube-state-metrics), how the runs under way learn (duoloop train --metrics-port), and what the policy in ' +
      'force earns.',
    variables: [
      labelVariable('namespace', 'Namespace', 'label_values(kube_job_info{job_name=~"duoloop-.*"}, namespace)', true),
      labelVariable(
        'run',
        'Run',
        'label_values(duoloop_training_environment_steps{namespace=~"$namespace"}, pod)',
        true,
      ),
    ],
    alerts: 'alertname=~"Duoloop(Training|Promotion|Retraining).*"',
    from: 'now-24h',
    rows: {
      Jobs: [
        number({
          title: 'Running',
          description: 'Jobs with a pod under way.',
          queries: { running: `count(kube_job_status_active{${jobs}} > 0) or vector(0)` },
          width: 4,
        }),
        number({
          title: 'Completed',
          description: 'Jobs that ended well and are still kept.',
          queries: { completed: `count(kube_job_complete{${jobs}, condition="true"} == 1) or vector(0)` },
          width: 4,
        }),
        number({
          title: 'Failed',
          description:
            'Jobs that failed and are still kept. A policy that is turned down, and a roll-back, show so as well.',
          queries: { failed: `count(kube_job_failed{${jobs}, condition="true"} == 1) or vector(0)` },
          colours: badFromOne,
          width: 4,
        }),
        table({
          title: 'Time since the last success',
          description: 'Of the CronJobs: retraining is weekly, promotion every five minutes.',
          unit: 's',
          query: `time() - max by (namespace, cronjob) (kube_cronjob_status_last_successful_time{${cronjobs}})`,
          columns: { namespace: 'Namespace', cronjob: 'CronJob' },
          value: 'Since',
          width: 12,
          height: 4,
        }),
        graph({
          title: 'Jobs under way',
          description: 'Pods at work.',
          queries: {
            '{{namespace}}/{{job_name}}': `max by (namespace, job_name) (kube_job_status_active{${jobs}}) > 0`,
          },
          steps: true,
          stacked: true,
          decimals: 0,
          width: 12,
          height: 6,
        }),
        table({
          title: 'Jobs took',
          description: 'From start to completion, of those that are kept.',
          unit: 's',
          query:
            `max by (namespace, job_name) (kube_job_status_completion_time{${jobs}})` +
            ` - max by (namespace, job_name) (kube_job_status_start_time{${jobs}})`,
          columns: { namespace: 'Namespace', job_name: 'Job' },
          value: 'Duration',
          width: 12,
          height: 6,
        }),
      ],
      'Runs under way': [
        graph({
          title: 'Progress',
          description: 'Decisions made of those to be made.',
          unit: 'percentunit',
          queries: {
            '{{pod}}':
              `max by (pod) (duoloop_training_environment_steps{${runs}})` +
              ` / max by (pod) (duoloop_training_target_steps{${runs}})`,
          },
          minimum: 0,
          width: 8,
        }),
        graph({
          title: 'Reward',
          description: 'Mean of a decision in the last rollout, exploration included.',
          queries: run('reward'),
          width: 8,
        }),
        graph({
          title: 'Decisions a second',
          description: 'Of all lanes together, since the start.',
          queries: run('steps_per_second'),
          minimum: 0,
          width: 8,
        }),
        graph({
          title: 'Time above the SLA',
          description: 'In the last rollout, and on held-out traces.',
          unit: 'percent',
          queries: {
            '{{pod}}': `max by (pod) (duoloop_training_violation_percent{${runs}})`,
            '{{pod}} held out': `max by (pod) (duoloop_training_validation_violation_percent{${runs}})`,
          },
          dashed: '/held out/',
          minimum: 0,
          width: 12,
        }),
        graph({
          title: 'Replicas',
          description: 'Mean size in the last rollout, and on held-out traces.',
          queries: {
            '{{pod}}': `max by (pod) (duoloop_training_replicas{${runs}})`,
            '{{pod}} held out': `max by (pod) (duoloop_training_validation_replicas{${runs}})`,
          },
          dashed: '/held out/',
          minimum: 0,
          width: 12,
        }),
        graph({
          title: 'Reward by term',
          description: 'What is taken off the reward, means of the runs chosen: less is better.',
          queries: {
            cost: `avg(duoloop_training_reward_cost{${runs}})`,
            violation: `avg(duoloop_training_reward_violation{${runs}})`,
            churn: `avg(duoloop_training_reward_churn{${runs}})`,
          },
          width: 8,
        }),
        graph({
          title: 'Price of a violation',
          description: 'Moved by the Lagrangian until the time above the SLA is what was asked for.',
          queries: run('violation_weight'),
          minimum: 0,
          width: 8,
        }),
        graph({
          title: 'Value loss',
          description: 'Falls as the critic learns; a rise that stays is a run that goes wrong.',
          queries: run('value_loss'),
          minimum: 0,
          width: 8,
        }),
        graph({
          title: 'Entropy',
          description: 'Nats. Near 0 the policy explores no more.',
          queries: run('entropy_nats'),
          minimum: 0,
          width: 8,
        }),
        graph({
          title: 'Divergence of an update',
          description: 'Approximate KL. Far above 0.02 updates are too large.',
          queries: run('approximate_kl_nats'),
          minimum: 0,
          width: 8,
        }),
        graph({
          title: 'Clipped decisions',
          description: 'Share of an update.',
          unit: 'percentunit',
          queries: run('clipped_ratio'),
          minimum: 0,
          width: 8,
        }),
      ],
      'Policies in force': [
        table({
          title: 'By the checksum of their weights',
          description: 'It changes when a promotion goes through, and back when it is rolled back.',
          query:
            'max by (namespace, deliberative_loop, sha256) (duoloop_agent_checkpoint_info{namespace=~"$namespace"})',
          columns: { namespace: 'Namespace', deliberative_loop: 'DeliberativeLoop', sha256: 'SHA-256' },
          width: 12,
        }),
        graph({
          title: 'Reward above the HPA',
          description: 'Mean of the last hour in the cluster. Below 0: the HPA would have done better.',
          queries: {
            '{{namespace}}/{{deliberative_loop}}':
              'max by (namespace, deliberative_loop) (avg_over_time(duoloop_agent_reward_advantage{namespace=~"$namespace"}[1h]))',
          },
          width: 12,
        }),
      ],
    },
  });
}
