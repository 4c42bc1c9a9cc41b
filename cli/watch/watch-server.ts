/** The watch as a small web server: pages, their updates as server-sent events, and the view as JSON. */
import type { ServerResponse } from 'node:http';
import { type FastifyInstance, fastify } from 'fastify';
import { UserError } from '../../env/errors.ts';
import type { Runnable } from '../../env/service/run-all.ts';
import { aborted, settleable } from '../../env/service/waiting.ts';
import { isOwnHost } from './host-check.ts';
import { type LivePage, livePage, pageUpdate } from './live-page.ts';
import { keyOfPath } from './page-path.ts';
import { pageShell } from './page-shell.ts';
import type { Sight, Watch } from './watch.ts';

export interface WatchServerOptions {
  readonly watch: Pick<Watch, 'onView'>;
  /** Address to listen on. */
  readonly host: string;
  /** 0 for a free one. */
  readonly port: number;
  /** Names besides addresses and localhost under which it is asked for. */
  readonly allowedHosts: readonly string[];
}

export interface WatchServer extends Runnable {
  /** `http://host:port`, once it listens; rejects with UserError when it cannot. */
  readonly listening: Promise<string>;
}

/** A browser that has not taken this much is left out until it has, and then gets everything anew. */
const mostUnsentBytes = 1_000_000;

interface Viewer {
  readonly response: ServerResponse;
  /** What it has; undefined: nothing, or not all. */
  page: LivePage | undefined;
}

export function createWatchServer({ watch, host, port, allowedHosts }: WatchServerOptions): WatchServer {
  const { promise: listening, resolve, reject } = settleable<string>();
  const viewers = new Map<string, Set<Viewer>>();
  let sight: Sight | undefined;
  let pages = new Map<string, LivePage>();

  /** Made once per view and page, for all who look at it. */
  const pageOf = (path: string, of: Sight): LivePage => {
    const known = pages.get(path);
    if (known !== undefined) return known;
    const made = livePage(of, path);
    pages.set(path, made);
    return made;
  };
  const send = (viewer: Viewer, path: string, of: Sight) => {
    if (viewer.response.writableLength > mostUnsentBytes) {
      viewer.page = undefined;
      return;
    }
    const page = pageOf(path, of);
    const update = pageUpdate(viewer.page, page);
    viewer.page = page;
    // Also without a change: it tells the browser that the watch goes on.
    viewer.response.write(`data: ${JSON.stringify({ second: of.view.second, ...update })}\n\n`);
  };

  function addRoutes(server: FastifyInstance): void {
    server.addHook('onRequest', async (request, reply) => {
      reply.headers({
        'cache-control': 'no-store',
        'content-security-policy': "frame-ancestors 'none'",
        'cross-origin-resource-policy': 'same-origin',
        'referrer-policy': 'no-referrer',
        'x-content-type-options': 'nosniff',
      });
      if (!isOwnHost(request.headers.host, allowedHosts)) {
        return reply
          .code(421)
          .type('text/plain; charset=utf-8')
          .send('This name is not known here. Ask by address or as localhost, or start with --allowed-host NAME.\n');
      }
    });
    const page = async (path: string) => {
      const html = sight === undefined ? '<p class="note">Reading the cluster.</p>' : pageOf(path, sight).html;
      return pageShell({ path, html, second: sight?.view.second ?? 0 });
    };
    server.get('/', async (_request, reply) => reply.type('text/html; charset=utf-8').send(await page('/')));
    server.get('/loops/:namespace/:name', async (request, reply) =>
      reply.type('text/html; charset=utf-8').send(await page(request.url.split('?')[0])),
    );
    server.get('/view.json', async (_request, reply) => reply.send(sight?.view ?? null));
    server.get<{ Querystring: { path?: string } }>('/events', (request, reply) => {
      const key = keyOfPath(request.query.path ?? '/');
      // One page has one path, however it was typed.
      const path = key === undefined ? '/' : `/loops/${key.split('/').map(encodeURIComponent).join('/')}`;
      reply.hijack();
      const { raw: response } = reply;
      response.writeHead(200, { ...headersOf(reply), 'content-type': 'text/event-stream; charset=utf-8' });
      const viewer: Viewer = { response, page: undefined };
      const group = viewers.get(path) ?? new Set();
      viewers.set(path, group.add(viewer));
      response.on('close', () => {
        group.delete(viewer);
        if (group.size === 0 && viewers.get(path) === group) viewers.delete(path);
      });
      if (sight === undefined) response.write(': reading the cluster\n\n');
      else send(viewer, path, sight);
    });
  }

  return {
    listening,
    async run(signal) {
      const server = fastify({ forceCloseConnections: true, routerOptions: { maxParamLength: 512 } });
      addRoutes(server);
      try {
        resolve(await server.listen({ host, port }));
      } catch (cause) {
        await server.close();
        const message = `cannot listen on ${host} port ${port}: ${(cause as Error).message}; choose another --port or --bind`;
        const error = new UserError('watch.port', message, { cause });
        reject(error);
        throw error;
      }
      const stop = watch.onView((next) => {
        sight = next;
        pages = new Map();
        for (const [path, group] of viewers) for (const viewer of group) send(viewer, path, next);
      });
      await aborted(signal);
      stop();
      for (const group of viewers.values()) for (const { response } of group) response.end();
      await server.close();
    },
  };
}

function headersOf(reply: { getHeaders(): Record<string, unknown> }): Record<string, string> {
  return Object.fromEntries(Object.entries(reply.getHeaders()).map(([name, value]) => [name, String(value)]));
}
