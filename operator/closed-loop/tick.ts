/** One tick of all loops of an interval: assess, measure together, choose, then decide and act loop by loop. */
import type { OperatorContext } from '../runtime/contract.ts';
import type { Choose } from './choose.ts';
import type { MetricAnswer, MetricReader, RunningLoop, StagePublisher } from './contract.ts';
import type { Executor } from './execute.ts';
import type { LoopMemories } from './loop-memory.ts';
import type { OwnedLoopTable } from './loop-table.ts';
import { isNothingNew, measuredOf, metricRequests } from './measured.ts';
import type { ClosedLoopMetrics } from './metrics.ts';
import type { Assess, Standing } from './standing.ts';

/** Share of the interval in which sources have to answer; the rest is for acting. */
const measuringShare = 0.8;

export interface TickOptions {
  readonly context: Pick<OperatorContext, 'logger' | 'mayAct'>;
  readonly table: OwnedLoopTable;
  readonly memories: LoopMemories;
  readonly reader: MetricReader;
  readonly assess: Assess;
  readonly choose: Choose;
  readonly executor: Executor;
  readonly stages: StagePublisher | undefined;
  readonly metrics: ClosedLoopMetrics;
}

interface Participant {
  readonly loop: RunningLoop;
  readonly standing: Extract<Standing, { workload: unknown }>;
}

/** Never rejects. A loop that is still busy with its last tick is left out of this one. */
export type Tick = (intervalSeconds: number, second: number, signal: AbortSignal) => Promise<void>;

export function createTick(options: TickOptions): Tick {
  const { context, table, memories, reader, assess, choose, executor, stages, metrics } = options;
  const busy = new Set<string>();

  /** The loops whose target may be scaled; the others are told why it may not. */
  async function admitted(loops: readonly RunningLoop[], second: number, signal: AbortSignal): Promise<Participant[]> {
    const assessed = await Promise.all(
      loops.map(async (loop) => {
        const standing = await assess(loop, signal);
        if (!('refusal' in standing)) return { loop, standing };
        const refused = executor.current(loop);
        if (refused !== undefined) await executor.refuse(refused, standing.refusal, second);
        return undefined;
      }),
    );
    return assessed.filter((participant) => participant !== undefined);
  }

  async function measure(participants: readonly Participant[], interval: number, signal: AbortSignal) {
    const requests = participants.map(({ loop, standing }) => metricRequests(loop, standing.workload.podSelector));
    const deadline = withDeadline(signal, interval * measuringShare * 1000);
    try {
      const answers = await reader.read(requests.flat(), deadline.signal);
      let next = 0;
      return requests.map((ofLoop) => ofLoop.map(() => answers[next++]));
    } catch (error) {
      // Readers promise not to reject; one that does must not take the fallback of missing metrics away.
      context.logger.error({ err: error }, 'the metrics could not be read');
      const answer: MetricAnswer = { missing: `reading failed: ${(error as Error).message}` };
      return requests.map((ofLoop) => ofLoop.map(() => answer));
    } finally {
      deadline.dispose();
    }
  }

  async function handle(
    { loop, standing }: Participant,
    answers: readonly MetricAnswer[],
    second: number,
    signal: AbortSignal,
  ): Promise<void> {
    const memory = memories.of(loop.key, loop.object);
    const measured = measuredOf(loop.spec, answers, memory.handledMessageTime);
    if (loop.spec.topology === 'Distributed' && stages !== undefined) {
      if (isNothingNew(loop.spec, measured) || executor.current(loop) === undefined || !context.mayAct()) return;
      await stages.publish(loop, answers, measured.messageTime ?? second);
      return;
    }
    const { chosen, finding } = await choose(loop, standing, measured, second, signal);
    if (finding !== undefined) memory.policyEngine = finding;
    await executor.executeDecision(loop, measured, chosen, second);
  }

  async function run(loops: readonly RunningLoop[], interval: number, second: number, signal: AbortSignal) {
    const participants = await admitted(loops, second, signal);
    if (participants.length === 0) return;
    const answers = await measure(participants, interval, signal);
    await Promise.all(
      participants.map(async (participant, index) => {
        try {
          await handle(participant, answers[index], second, signal);
        } catch (error) {
          context.logger.error({ err: error, closedLoop: participant.loop.key }, 'tick failed');
        }
      }),
    );
  }

  return async (interval, second, signal) => {
    if (signal.aborted || !context.mayAct()) return;
    const due = table.ofInterval(interval);
    const loops = due.filter(({ key }) => !busy.has(key));
    if (loops.length < due.length) metrics.skippedTicks.inc({ reason: 'busy' }, due.length - loops.length);
    for (const { key } of loops) busy.add(key);
    const stopTimer = metrics.tickDuration.startTimer();
    try {
      await run(loops, interval, second, signal);
    } catch (error) {
      context.logger.error({ err: error, interval }, 'tick failed');
    } finally {
      stopTimer();
      for (const { key } of loops) busy.delete(key);
    }
  };
}

/** A signal that follows another and ends by itself; `AbortSignal.any` would keep one more listener for every tick. */
function withDeadline(parent: AbortSignal, milliseconds: number): { signal: AbortSignal; dispose: () => void } {
  const controller = new AbortController();
  const abort = () => controller.abort(parent.reason);
  const timer = setTimeout(() => controller.abort(new Error('deadline')), milliseconds);
  parent.addEventListener('abort', abort, { once: true });
  if (parent.aborted) abort();
  return {
    signal: controller.signal,
    dispose() {
      clearTimeout(timer);
      parent.removeEventListener('abort', abort);
    },
  };
}
