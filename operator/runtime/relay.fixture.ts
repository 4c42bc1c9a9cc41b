/** A TCP relay before an API server, so that one client can lose its connection while others keep theirs. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Relay {
  readonly kubeconfigFile: string;
  /** Breaks all connections and accepts none. */
  cut(): Promise<void>;
  /** Keeps the connections there are and lets nothing more through them, as a forgetful firewall does; new ones work. */
  stall(): void;
  restore(): Promise<void>;
  close(): Promise<void>;
}

export interface RelayedServer {
  readonly server: string;
  readonly caFile: string;
  readonly adminToken: string;
}

/** @param latencyMilliseconds of each direction: what is under way when one end is gone still reaches the other */
export async function startRelay(
  { server, caFile, adminToken }: RelayedServer,
  latencyMilliseconds = 0,
): Promise<Relay> {
  const after = (act: () => void) => (latencyMilliseconds === 0 ? act() : void setTimeout(act, latencyMilliseconds));
  const target = new URL(server);
  const sockets = new Set<Socket>();
  const silenced = new WeakSet<Socket>();
  const listener = createServer((near) => {
    const far = connect(Number(target.port), target.hostname);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ]) {
      sockets.add(from);
      from.on('data', (chunk) => {
        if (!silenced.has(from)) after(() => to.write(chunk));
      });
      from.on('error', () => {});
      from.on('close', () => {
        sockets.delete(from);
        after(() => to.destroy());
      });
    }
  });
  const listen = (port: number) => new Promise<void>((resolve) => listener.listen(port, '127.0.0.1', resolve));
  const cut = async () => {
    const closed = new Promise((resolve) => listener.close(resolve));
    for (const socket of sockets) socket.resetAndDestroy();
    await closed;
  };
  await listen(0);
  const { port } = listener.address() as AddressInfo;
  const folder = await mkdtemp(join(tmpdir(), 'duoloop-relay-'));
  const kubeconfigFile = join(folder, 'kubeconfig');
  const ca = (await readFile(caFile)).toString('base64');
  await writeFile(
    kubeconfigFile,
    JSON.stringify({
      'current-context': 'relay',
      clusters: [{ name: 'relay', cluster: { server: `https://127.0.0.1:${port}`, 'certificate-authority-data': ca } }],
      users: [{ name: 'admin', user: { token: adminToken } }],
      contexts: [{ name: 'relay', context: { cluster: 'relay', user: 'admin' } }],
    }),
  );
  return {
    kubeconfigFile,
    cut,
    stall() {
      for (const socket of sockets) silenced.add(socket);
    },
    async restore() {
      if (!listener.listening) await listen(port);
    },
    async close() {
      if (listener.listening) await cut();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
