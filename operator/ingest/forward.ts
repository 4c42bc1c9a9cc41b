/** A standby holds no loops: it hands a push on to the leader, once. */
import PQueue from 'p-queue';

/** On a push that a replica handed on: the next one keeps it or refuses it. */
export const forwardedHeader = 'x-duoloop-forwarded';

export interface ForwardedPush {
  readonly method: string;
  /** With its leading slash. */
  readonly path: string;
  readonly authorization: string;
  /** JSON. */
  readonly body: unknown;
}

export interface Forwarder {
  /** The leader's answer, or undefined when there is none. Never rejects. */
  forward(push: ForwardedPush): Promise<{ readonly status: number; readonly body: unknown } | undefined>;
}

export interface ForwarderOptions {
  /** Base address of the leader's ingest server, `http://10.0.0.7:8081`; undefined while it is not known. */
  readonly leaderAddress: () => Promise<string | undefined>;
  readonly timeoutSeconds?: number;
  readonly concurrency?: number;
  readonly maxWaiting?: number;
}

export function createForwarder(options: ForwarderOptions): Forwarder {
  const { leaderAddress, timeoutSeconds = 5, concurrency = 64, maxWaiting = 1000 } = options;
  const queue = new PQueue({ concurrency });

  async function send({ method, path, authorization, body }: ForwardedPush) {
    const address = await leaderAddress();
    if (address === undefined) return undefined;
    const answer = await fetch(new URL(path, address), {
      method,
      headers: { authorization, 'content-type': 'application/json', [forwardedHeader]: 'true' },
      body: JSON.stringify(body),
      // The token goes to the leader and nowhere else.
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutSeconds * 1000),
    });
    return { status: answer.status, body: (await answer.json()) as unknown };
  }

  return {
    async forward(push) {
      if (queue.size >= maxWaiting) return undefined;
      return queue.add(() => send(push).catch(() => undefined));
    },
  };
}
