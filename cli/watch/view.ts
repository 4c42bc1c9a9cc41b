/** What both faces of the watch show: plain numbers and cleaned text, the same for browser, terminal and programs. Pure. */

import { printable } from '../../env/report/printable.ts';
import { type ClosedLoopView, closedLoopView } from './closed-loop-view.ts';
import { type DeliberativeLoopView, deliberativeLoopView } from './deliberative-loop-view.ts';
import type { Snapshot, Source } from './snapshot.ts';
import { targetSizes } from './target-size.ts';

export interface WatchView {
  /** Unix seconds. */
  readonly second: number;
  readonly server: string;
  readonly sources: readonly Source[];
  /** By namespace and name. */
  readonly closedLoops: readonly ClosedLoopView[];
  readonly deliberativeLoops: readonly DeliberativeLoopView[];
}

export function watchView(snapshot: Snapshot): WatchView {
  const { objects, sources, second } = snapshot;
  const sizes = targetSizes(objects);
  const inOrder = <T extends { readonly key: string }>(views: T[]) => views.sort((a, b) => (a.key < b.key ? -1 : 1));
  return {
    second,
    server: printable(snapshot.server),
    sources: sources.map((source) => ({
      ...source,
      name: printable(source.name),
      message: printable(source.message),
    })),
    closedLoops: inOrder(objects.closedLoops.map((loop) => closedLoopView(loop, snapshot, sizes))),
    deliberativeLoops: inOrder(objects.deliberativeLoops.map((loop) => deliberativeLoopView(loop, objects, second))),
  };
}

/** `namespace/name`. */
export function keyOf({ namespace = '', name }: { readonly namespace?: string; readonly name: string }): string {
  return `${namespace}/${name}`;
}
