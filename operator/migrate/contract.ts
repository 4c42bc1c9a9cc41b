/** What becomes of an autoscaler: a closed loop that behaves like it, and what of it has no counterpart. */
import type { z } from 'zod';
import type { closedLoopSpecSchema } from '../../policies/resources/closed-loop.ts';

export type ClosedLoopSpecInput = z.input<typeof closedLoopSpecSchema>;
export type LoopMetricInput = ClosedLoopSpecInput['metrics'][number];

export interface Note {
  /** One sentence without its full stop. */
  readonly text: string;
  /** The loop does something else than the autoscaler did; otherwise it is for people to know. */
  readonly isDifferent: boolean;
  /** The metric that it is about; undefined: the whole. */
  readonly metric?: string;
}

export interface ClosedLoopManifest {
  readonly apiVersion: string;
  readonly kind: 'ClosedLoop';
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly spec: ClosedLoopSpecInput;
}

export interface Migration {
  /** "HorizontalPodAutoscaler shop/web" */
  readonly source: string;
  /** Undefined: nothing of it could be taken over, and the notes say why. */
  readonly manifest: ClosedLoopManifest | undefined;
  readonly notes: readonly Note[];
}

/** PromQL by name of the loop's metric, where the autoscaler does not say what it asks. */
export type GivenQueries = ReadonlyMap<string, string>;
