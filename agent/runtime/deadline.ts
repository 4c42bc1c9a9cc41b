/** Deadlines that leave nothing behind: AbortSignal.any keeps what it made as long as the caller's signal (Node 20). */
import { createSharedAborter } from '../../env/service/waiting.ts';

/**
 * Gives `work` a signal that is aborted with the caller's, or after the time.
 * @throws what `work` throws, or an error that names `what` when the time was over
 */
export async function withDeadline<T>(
  what: string,
  seconds: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  // Every request of a round listens to it.
  const aborter = createSharedAborter();
  const follow = () => aborter.abort(signal.reason);
  const late = new Error(`${what} took longer than ${seconds} s`);
  const timer = setTimeout(() => aborter.abort(late), seconds * 1000);
  if (signal.aborted) follow();
  else signal.addEventListener('abort', follow, { once: true });
  try {
    return await work(aborter.signal);
  } catch (error) {
    throw aborter.signal.reason === late ? late : error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', follow);
  }
}
