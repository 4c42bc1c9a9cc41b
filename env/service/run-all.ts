/** Long-lived parts side by side: they stop together. */
import { KubernetesError } from '../cluster/kubernetes-api.ts';
import { createSharedAborter } from './waiting.ts';

/** A long-lived part: starts nothing before `run`, settles once aborted and all its work has ended. */
export interface Runnable {
  run(signal: AbortSignal): Promise<void>;
}

/**
 * Runs all until `signal` is aborted or one of them fails, which stops the others. Settles when every one has; one that
 * resolves by itself is done and leaves the others running.
 * @throws the first failure
 */
export async function runAll(runnables: readonly Runnable[], signal: AbortSignal): Promise<void> {
  const stop = createSharedAborter();
  const follow = () => stop.abort(signal.reason);
  if (signal.aborted) follow();
  else signal.addEventListener('abort', follow, { once: true });
  let failure: { readonly error: unknown } | undefined;
  const run = async (runnable: Runnable) => {
    try {
      await runnable.run(stop.signal);
    } catch (error) {
      // A call that was given up because of the stop is how parts end, not why.
      if (stop.signal.aborted && error instanceof KubernetesError && error.reason === 'Aborted') return;
      failure ??= { error };
      stop.abort(error);
    }
  };
  await Promise.all(runnables.map(run));
  signal.removeEventListener('abort', follow);
  if (failure !== undefined) throw failure.error;
}
