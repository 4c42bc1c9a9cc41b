/** MonitoringD → DecisionD → ExecutionD: the reaction, the last ten of every metric, the rank that is raised. */
import type { lastTenDecision } from '../../policies/last-ten.ts';
import { fromTimestamp } from '../../policies/resources/timestamp.ts';
import type { RankDeliberation } from '../deliberative-loop/contract.ts';
import { epochsInOrder, withEpoch } from './messages.ts';
import type { StageMetrics } from './metrics.ts';
import type { HandleStage, Waiting } from './reactive-stages.ts';

export interface DeliberativeStagesOptions {
  readonly deliberation: RankDeliberation;
  readonly metrics: StageMetrics;
}

const increaseRank: ReturnType<typeof lastTenDecision>['action'] = 'Increase rank';

export function createDeliberativeStages({ deliberation, metrics }: DeliberativeStagesOptions): {
  readonly MonitoringD: HandleStage;
  readonly DecisionD: HandleStage;
  readonly ExecutionD: HandleStage;
} {
  async function monitoringD({ loop, store, time }: Waiting): Promise<undefined> {
    const metric = store.get('MonitoringD')?.spec.data?.metric;
    const next = store.get('DecisionD');
    if (metric === undefined || next === undefined) return;
    const isKnown = loop.spec.metrics.some(({ name }) => name === metric);
    if (isKnown && next.spec.time !== time) {
      const data = withEpoch(loop.spec, next.spec.data ?? {}, metric, fromTimestamp(time));
      // A list is read and written: nobody may have written in between.
      await store.send('DecisionD', time, { data }, { resourceVersion: next.metadata.resourceVersion });
    }
    await store.finish('MonitoringD', time, isKnown ? metric : `the loop has no metric ${metric}`);
    metrics.message('MonitoringD', isKnown ? 'done' : 'notCarriedOut');
  }

  async function decisionD({ loop, store, time }: Waiting): Promise<undefined> {
    const epochs = epochsInOrder(loop.spec, store.get('DecisionD')?.spec.data);
    const { action, metric } = deliberation.askLastTen(loop.key, epochs, fromTimestamp(time));
    await store.send('ExecutionD', time, { action, metric });
    await store.finish('DecisionD', time, metric === null ? action : `${action} ${metric}`);
    metrics.message('DecisionD', 'done');
  }

  async function executionD({ loop, object, store, time }: Waiting): Promise<undefined> {
    const { action, metric } = store.get('ExecutionD')?.spec ?? {};
    // A rank counts from the next tick on: the reaction of this one comes first.
    if (store.waiting('Execution') === time) return;
    if (action !== increaseRank || metric === undefined) {
      await store.finish('ExecutionD', time, action ?? 'No action');
      metrics.message('ExecutionD', 'done');
      return;
    }
    const { applied, message } = deliberation.raise(loop.key, metric, fromTimestamp(time));
    const stored = object.status?.increaseTime;
    // Done once the ClosedLoop's status has it, so that no restart loses it; that status write wakes us up.
    if (applied && (stored === undefined || Date.parse(stored) < Date.parse(time))) return;
    await store.finish('ExecutionD', time, message);
    metrics.message('ExecutionD', applied ? 'done' : 'notCarriedOut');
  }

  return { MonitoringD: monitoringD, DecisionD: decisionD, ExecutionD: executionD };
}
