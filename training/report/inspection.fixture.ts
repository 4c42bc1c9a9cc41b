/** A small inspection for the tests of the reports. */
import type { EvaluationRow, Inspection } from '../inspection.ts';

export function testEvaluation(policy: string, violationPercent: number, meanReplicas: number): EvaluationRow {
  return {
    policy,
    traces: 12,
    violationPercent,
    meanReplicas,
    podHours: 24 * meanReplicas,
    scalingActions: 90,
    p95Milliseconds: { mean: 3.4, max: 88 },
  };
}

export function testInspection(): Inspection {
  const names = Array.from({ length: 30 }, (_, i) => `observation ${i}`);
  return {
    identity: {
      path: 'runs/frontend/seed-1',
      schemaVersion: 1,
      algorithm: 'ppo',
      createdAt: '2026-11-21T04:30:00Z',
      app: 'frontend',
      seeds: { training: 1 },
      appHash: 'a'.repeat(64),
      workloadHash: 'b'.repeat(64),
      gitCommit: null,
      weights: { sha256: 'c'.repeat(64), bytes: 41_232, parameters: 10_308 },
      decisionIntervalSeconds: 60,
      hyperparameters: { learningRate: 3e-4, schedule: '<linear>' },
      observations: names.map((name) => ({ name, mean: 0, standardDeviation: 1 })),
      actionHeads: [{ name: 'setPoint', choices: ['hold', '−2', '−1', '0', '+1', '+2', '+4'] }],
    },
    trainingCurve: [1, 2, 3].map((i) => ({
      environmentSteps: i * 1e6,
      seconds: 20 * i,
      reward: -1 / i,
      violationPercent: i === 1 ? null : 3 / i,
      meanReplicas: 3,
      entropy: 1,
      klDivergence: 0.01,
      lagrangeMultiplier: null,
    })),
    validation: [{ environmentSteps: 2e6, seconds: 40, violationPercent: 1.1, meanReplicas: 3 }],
    validationBaseline: { policy: 'hpa-tuned', violationPercent: 1.05, meanReplicas: 3.4 },
    decisionMap: {
      loads: [100, 200, 300],
      replicas: [1, 2],
      expectedMove: [
        [0, 1.26, 4],
        [-2, -0.5, 0.01],
      ],
      conditions: 'steady load',
    },
    permutationImportance: names.map((observation, i) => ({
      observation,
      scoreDrop: i === 3 ? null : i / 100,
      scoreDropDeviation: 0.001,
      probabilityChange: i / 60,
      probabilityChangeDeviation: null,
    })),
    evaluation: [testEvaluation('checkpoint:runs/frontend/seed-1', 0.91, 2.9), testEvaluation('hpa-tuned', 1.05, 3.4)],
    difference: {
      against: { path: 'runs/other', algorithm: 'a2c', createdAt: '2026-11-20T04:30:00Z', sha256: 'd'.repeat(64) },
      hyperparameters: [{ name: 'clipRange', here: '0.2', there: null }],
      evaluation: { here: testEvaluation('here', 0.91, 2.9), there: testEvaluation('there', 1.5, 3.1) },
      expectedMoveDifference: [
        [0, 0, 1],
        [0, -1, 0],
      ],
      decisions: { compared: 17_280, differingPercent: 12.34 },
    },
  };
}
