/** Monitoring → Decision → Execution: measured values, their breaches, the reaction, the workload. */
import { actionText, breachMessage } from '../../policies/reactive/breaches.ts';
import { decide, readMetrics } from '../../policies/reactive/decide.ts';
import type { ClosedLoop } from '../../policies/resources/closed-loop.ts';
import type { MonitoringSpec } from '../../policies/resources/stages.ts';
import { fromTimestamp } from '../../policies/resources/timestamp.ts';
import type { DecisionExecutor, RunningLoop } from '../closed-loop/contract.ts';
import type { OperatorContext } from '../runtime/contract.ts';
import type { ViewLoop } from './loop-view.ts';
import { isPushed, measuredFrom, messageLifeSeconds, metricInAction, metricsInMessage } from './messages.ts';
import type { StageMetrics } from './metrics.ts';
import { NotActingError, type StageStore } from './stage-store.ts';

export interface ReactiveStagesOptions {
  readonly context: Pick<OperatorContext, 'events' | 'mayAct' | 'now'>;
  readonly executor: DecisionExecutor;
  readonly viewLoop: ViewLoop;
  readonly metrics: StageMetrics;
}

/** What is handled: a loop, its stages, and the message that waits in one of them. */
export interface Waiting {
  readonly loop: RunningLoop;
  /** The ClosedLoop as last seen: its status says what was carried out before a restart. */
  readonly object: ClosedLoop;
  readonly store: StageStore;
  readonly time: string;
  readonly signal: AbortSignal;
}

/** Seconds after which the same message is to be tried again; undefined: not by itself. */
export type HandleStage = (waiting: Waiting) => Promise<number | undefined>;

export function createReactiveStages({ context, executor, viewLoop, metrics }: ReactiveStagesOptions): {
  readonly Monitoring: HandleStage;
  readonly Decision: HandleStage;
  readonly Execution: HandleStage;
} {
  /** The values that a message is about; a newer message may have taken their place. */
  function valuesOf({ store, time }: Waiting): MonitoringSpec | 'notSeenYet' | 'superseded' {
    const spec = store.get('Monitoring')?.spec;
    if (spec?.time === time) return spec;
    const isNewer = spec?.time !== undefined && Date.parse(spec.time) > Date.parse(time);
    return isNewer ? 'superseded' : 'notSeenYet';
  }

  async function supersede({ store, time }: Waiting, kind: 'Decision' | 'Execution'): Promise<undefined> {
    await store.finish(kind, time, 'superseded by a newer message');
    metrics.message(kind, 'superseded');
  }

  async function monitoring({ loop, store, time, signal }: Waiting): Promise<undefined> {
    const spec = store.get('Monitoring')?.spec;
    if (spec === undefined) return;
    const view = await viewLoop(loop, measuredFrom(loop.spec, spec), signal);
    if (view === undefined) {
      await store.finish('Monitoring', time, 'the target does not exist');
      metrics.message('Monitoring', 'notCarriedOut');
      return;
    }
    const message = breachMessage(readMetrics(view.spec, view.observation)).slice(0, 1024);
    await store.send('Decision', time, { message });
    await store.finish('Monitoring', time, message);
    metrics.message('Monitoring', 'done');
  }

  async function decision(waiting: Waiting): Promise<undefined> {
    const { loop, store, time, signal } = waiting;
    const values = valuesOf(waiting);
    if (values === 'notSeenYet') return;
    if (values === 'superseded') return supersede(waiting, 'Decision');
    const now = fromTimestamp(time);
    const measured = measuredFrom(loop.spec, values);
    const chosen = await executor.choose(loop, measured, now);
    const view = await viewLoop(loop, measured, signal);
    // What the message does not name is not reacted to, whoever wrote it.
    const named = metricsInMessage(store.get('Decision')?.spec.message);
    const reported = Object.entries(measured.metrics).filter(([name]) => named.includes(name));
    const observation = view && { ...view.observation, metrics: Object.fromEntries(reported) };
    const winner = observation ? decide(view.spec, loop.state, observation, now, chosen).winner : null;
    const action = actionText(winner);
    await store.send('Execution', time, { action });
    if (winner !== null) await store.send('MonitoringD', time, { data: { metric: winner } });
    await store.finish('Decision', time, action);
    metrics.message('Decision', 'done');
  }

  /** Messages that this process began itself, by loop: of those it knows what became of them. */
  const begun = new Map<string, string>();

  /**
   * Whether the message was carried out, by the leader before or by a call whose answer got lost: the size is another than
   * when it was begun, or (of a reaction that leaves the size alone) the ClosedLoop's status tells of it.
   */
  function wasCarriedOut({ loop, object, store, time }: Waiting, size: number): boolean {
    const { underWay } = store.get('Execution')?.status ?? {};
    if (underWay?.time !== time) return false;
    if (underWay.from !== size) return true;
    const last = object.status?.lastDecision;
    if (last === undefined || begun.get(loop.key) === time) return false;
    const isHeld = last.clampedBy.some((clamp) => clamp === 'paused' || clamp === 'rollingOut');
    return Date.parse(last.time) === Date.parse(time) && last.from === last.to && !isHeld;
  }

  /** Noted down before anything is changed, so that another leader does not react to it once more. */
  async function begin({ loop, store, time }: Waiting, size: number): Promise<void> {
    const { underWay } = store.get('Execution')?.status ?? {};
    if (underWay?.time !== time) await store.begin(time, size);
    begun.set(loop.key, time);
  }

  async function execution(waiting: Waiting): Promise<number | undefined> {
    const { loop, store, time, signal } = waiting;
    const values = valuesOf(waiting);
    if (values === 'notSeenYet') return undefined;
    if (values === 'superseded') return supersede(waiting, 'Execution');
    const second = fromTimestamp(time);
    const present = context.now();
    const life = messageLifeSeconds(loop.spec);
    if (present - second > life) {
      await store.finish('Execution', time, `dropped: older than ${life} s`);
      metrics.message('Execution', 'tooOld');
      const note = `A message of a Distributed loop was dropped, since it was older than ${life} s: see whether every stage is handled`;
      context.events.record(loop.object, 'Warning', 'MessageDropped', note);
      return undefined;
    }
    const chosen = metricInAction(store.get('Execution')?.spec.action);
    const measured = measuredFrom(loop.spec, values);
    const view = await viewLoop(loop, measured, signal);
    const size = view?.observation.groupSize;
    if (size !== undefined && chosen !== null) {
      if (wasCarriedOut(waiting, size)) {
        await store.finish('Execution', time, 'carried out before a restart');
        metrics.message('Execution', 'done');
        return undefined;
      }
      await begin(waiting, size);
    }
    // A pushed message is dated by its sender; what it leads to happens now. Others are of the tick's second.
    const pushed = isPushed(loop.spec, values);
    const carriedOut = await executor.executeDecision(
      loop,
      pushed ? { ...measured, messageTime: second } : measured,
      chosen,
      pushed ? present : second,
    );
    if (carriedOut === undefined && (signal.aborted || !context.mayAct()))
      throw new NotActingError('no longer the leader');
    const isHeld = carriedOut?.clampedBy.some((clamp) => clamp === 'paused' || clamp === 'rollingOut') ?? true;
    // A measurement comes again with the next tick; what was pushed does not.
    if (pushed && isHeld) return loop.spec.intervalSeconds;
    if (carriedOut === undefined) {
      await store.finish('Execution', time, 'not carried out: see the conditions of the ClosedLoop');
      metrics.message('Execution', 'notCarriedOut');
      return undefined;
    }
    begun.delete(loop.key);
    await store.finish('Execution', time, `${carriedOut.action}: ${size ?? '?'} to ${carriedOut.groupSize}`);
    metrics.message('Execution', 'done');
    metrics.carriedOut(context.now() - second);
    return undefined;
  }

  return { Monitoring: monitoring, Decision: decision, Execution: execution };
}
