/** A managed system that answers GET with JSON, at the test's pace. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface JsonExporter {
  /** Of the values of one name. */
  url(name: string): string;
  set(name: string, values: Readonly<Record<string, unknown>>): void;
  /** From now on requests for that name wait; resolves when the first of them has come. */
  hold(name: string): Promise<void>;
  /** Answers those that wait, and further ones at once. */
  release(name: string): void;
  close(): Promise<void>;
}

interface Held {
  readonly arrived: () => void;
  readonly released: Promise<void>;
  readonly release: () => void;
}

export async function startJsonExporter(): Promise<JsonExporter> {
  const values = new Map<string, Readonly<Record<string, unknown>>>();
  const holding = new Map<string, Held>();
  const server = createServer(async (request, response) => {
    const name = (request.url ?? '').slice(1);
    const held = holding.get(name);
    held?.arrived();
    await held?.released;
    const found = values.get(name);
    response.statusCode = found === undefined ? 404 : 200;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(found ?? {}));
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  return {
    url: (name) => `http://127.0.0.1:${port}/${name}`,
    set: (name, given) => void values.set(name, given),
    hold(name) {
      let release = () => {};
      const released = new Promise<void>((resolve) => {
        release = resolve;
      });
      return new Promise((arrived) => holding.set(name, { arrived, released, release }));
    },
    release(name) {
      holding.get(name)?.release();
      holding.delete(name);
    },
    close() {
      server.closeAllConnections();
      return new Promise((closed) => server.close(() => closed()));
    },
  };
}
