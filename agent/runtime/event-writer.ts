/** Events on objects, in the background: whoever records one neither waits nor learns of a failure. */
import { randomUUID } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import PQueue from 'p-queue';
import { Counter } from 'prom-client';
import { resourceTypes } from '../../env/cluster/kubernetes-api.ts';
import type { AgentContext, EventWriter } from '../contract.ts';

/** The API server's bounds. */
const maxNoteLength = 1_024;
const maxInstanceLength = 128;
const maxWaiting = 1_000;
/** The same again within this time is not told again, and one object has no more events than that in it. */
const windowSeconds = 600;
const maxPerObject = 10;
const maxRemembered = 10_000;

/** `ended` resolves when what was recorded so far is written, or given up. */
export function createEventWriter(
  context: Pick<AgentContext, 'api' | 'logger' | 'metrics' | 'now' | 'identity'>,
): EventWriter & { ended(): Promise<void> } {
  const { api, logger, metrics, now, identity } = context;
  const queue = new PQueue({ concurrency: 1 });
  const told = new LRUCache<string, { readonly sinceSecond: number; readonly texts: Set<string> }>({
    max: maxRemembered,
  });
  const events = new Counter({
    name: 'duoloop_agent_events_total',
    help: 'Events by reason and what became of them: written, repeated (not written again) or dropped',
    labelNames: ['reason', 'outcome'],
    registers: [metrics],
  });

  return {
    record(regarding, type, reason, note) {
      const { uid, namespace = 'default', name } = regarding.metadata;
      const key = uid ?? `${namespace}/${name}`;
      let recent = told.get(key);
      if (recent === undefined || now() - recent.sinceSecond >= windowSeconds) {
        recent = { sinceSecond: now(), texts: new Set() };
        told.set(key, recent);
      }
      const text = `${reason} ${note}`;
      if (recent.texts.has(text)) {
        events.inc({ reason, outcome: 'repeated' });
        return;
      }
      if (queue.size >= maxWaiting || recent.texts.size >= maxPerObject) {
        events.inc({ reason, outcome: 'dropped' });
        return;
      }
      recent.texts.add(text);
      const eventName = `${name.slice(0, 200)}.${randomUUID().slice(0, 13)}`;
      const { apiVersion, kind } = regarding;
      const event = {
        apiVersion: resourceTypes.event.apiVersion,
        kind: resourceTypes.event.kind,
        metadata: { name: eventName, namespace },
        // metav1.MicroTime.
        eventTime: new Date(now() * 1000).toISOString().replace('Z', '000Z'),
        reportingController: 'duoloop.dev/agent',
        reportingInstance: identity.slice(0, maxInstanceLength),
        action: reason,
        reason,
        type,
        regarding: { apiVersion, kind, name, namespace, uid },
        note: note.slice(0, maxNoteLength),
      };
      void queue.add(async () => {
        try {
          await api.create(resourceTypes.event, namespace, event);
          events.inc({ reason, outcome: 'written' });
        } catch (error) {
          events.inc({ reason, outcome: 'dropped' });
          logger.warn({ reason, name, namespace, error: (error as Error).message }, 'event dropped');
        }
      });
    },
    ended: () => queue.onIdle(),
  };
}
