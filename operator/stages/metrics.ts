/** What the stages tell Prometheus. */
import { Counter, Histogram, type Registry } from 'prom-client';
import type { StageKind } from '../../policies/resources/stages.ts';

export type MessageOutcome = 'done' | 'superseded' | 'tooOld' | 'notCarriedOut';

export interface StageMetrics {
  message(stage: StageKind, outcome: MessageOutcome): void;
  /** A message was not published, since the one before is still under way. */
  heldBack(): void;
  publishFailed(): void;
  /** @param seconds from the message's time until it was carried out */
  carriedOut(seconds: number): void;
}

export function createStageMetrics(registry: Registry): StageMetrics {
  const registers = [registry];
  const messages = new Counter({
    name: 'duoloop_stage_messages_total',
    help: 'Messages that a stage of the Distributed topology is done with, by stage and outcome',
    labelNames: ['stage', 'outcome'],
    registers,
  });
  const heldBack = new Counter({
    name: 'duoloop_stage_messages_held_back_total',
    help: 'Ticks of Distributed loops without a message, since the one before was still under way',
    registers,
  });
  const failures = new Counter({
    name: 'duoloop_stage_publish_failures_total',
    help: 'Messages of Distributed loops that could not be written',
    registers,
  });
  const latency = new Histogram({
    name: 'duoloop_stage_message_seconds',
    help: 'From the time of a message until it was carried out',
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    registers,
  });
  return {
    message: (stage, outcome) => messages.inc({ stage, outcome }),
    heldBack: () => heldBack.inc(),
    publishFailed: () => failures.inc(),
    carriedOut: (seconds) => latency.observe(Math.max(0, seconds)),
  };
}
