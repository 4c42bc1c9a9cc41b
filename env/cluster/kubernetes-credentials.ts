/** Who this process is to the API server: read anew every minute, because tokens and certificates rotate under it. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Agent as HttpAgent } from 'node:http';
import { type AgentOptions, Agent as HttpsAgent, type RequestOptions } from 'node:https';
import { isIPv4 } from 'node:net';
import { UserError } from '../errors.ts';
import type { KubeConnection } from './kube-context.ts';

export interface Credentials {
  readonly headers: Readonly<Record<string, string>>;
  /** Keeps connections alive; another one only when certificates have changed. */
  readonly agent: HttpAgent;
}

export interface CredentialSource {
  /** @throws Error when a file or an exec plugin fails. */
  read(): Promise<Credentials>;
  /** After a 401: the next `read` asks the files and plugins again. */
  forget(): void;
  /** After a silence: kept connections may be as dead as the one that was silent. */
  dropIdleConnections(): void;
}

/** What both ways of reading credentials give. */
interface Identity {
  readonly headers: Record<string, string>;
  readonly tls: Pick<AgentOptions, 'ca' | 'cert' | 'key' | 'rejectUnauthorized' | 'servername'>;
  /** Made by the client library, for a proxy. */
  readonly proxyAgent?: HttpAgent;
}

/** As in client-go. */
const rereadMilliseconds = 60_000;
/** The API server closes idle connections after 90 s: closing them first avoids writing into one that is just closing. */
const idleMilliseconds = 60_000;

/**
 * Tokens, token files, certificates and the service account of a pod are read here; exec plugins, auth providers and
 * proxies by @kubernetes/client-node, which is loaded only then because it takes 55–80 MB.
 */
export function createCredentialSource(connection: KubeConnection): CredentialSource {
  const { user, clusterEntry, server } = connection;
  const byLibrary = Boolean(user.exec ?? user['auth-provider'] ?? clusterEntry['proxy-url']);
  let libraryReader: (() => Promise<Identity>) | undefined;
  let current: Promise<Credentials> | undefined;
  let readAtMilliseconds = 0;
  let agent: HttpAgent | undefined;
  let tlsDigest = '';

  const readIdentity = async (): Promise<Identity> => {
    if (!byLibrary) return readFiles(connection);
    libraryReader ??= await createLibraryReader(connection);
    return libraryReader();
  };

  const readNow = async (): Promise<Credentials> => {
    const { headers, tls, proxyAgent } = await readIdentity();
    const secure = server.startsWith('https:');
    if (!secure && headers.Authorization !== undefined && !isLoopback(server)) {
      throw new UserError(
        'KUBECONFIG_INSECURE',
        `${connection.source}: credentials for ${server} would be sent in the clear; use https`,
      );
    }
    const digest = digestOf(tls);
    if (agent === undefined || digest !== tlsDigest) {
      const options = { keepAlive: true, timeout: idleMilliseconds, maxFreeSockets: 16 };
      agent = proxyAgent ?? (secure ? new HttpsAgent({ ...options, ...tls }) : new HttpAgent(options));
      tlsDigest = digest;
    }
    return { headers, agent };
  };

  return {
    read() {
      const now = performance.now();
      if (current === undefined || now - readAtMilliseconds > rereadMilliseconds) {
        readAtMilliseconds = now;
        const reading = readNow();
        current = reading;
        // A failure is not kept: the next call tries again.
        reading.catch(() => {
          if (current === reading) current = undefined;
        });
      }
      return current;
    },
    forget() {
      current = undefined;
      // The library keeps a plugin's answer until it expires, even when the server no longer takes it.
      libraryReader = undefined;
    },
    dropIdleConnections() {
      for (const sockets of Object.values(agent?.freeSockets ?? {})) {
        for (const socket of sockets ?? []) socket.destroy();
      }
    },
  };
}

async function readFiles({ user, clusterEntry }: KubeConnection): Promise<Identity> {
  const [ca, cert, key, tokenOfFile] = await Promise.all([
    readMaterial(clusterEntry['certificate-authority'], clusterEntry['certificate-authority-data']),
    readMaterial(user['client-certificate'], user['client-certificate-data']),
    readMaterial(user['client-key'], user['client-key-data']),
    user.tokenFile ? readFile(user.tokenFile, 'utf8') : undefined,
  ]);
  const headers: Record<string, string> = {};
  const token = tokenOfFile?.trim() ?? user.token;
  if (token) headers.Authorization = `Bearer ${token}`;
  else if (user.username) {
    headers.Authorization = `Basic ${Buffer.from(`${user.username}:${user.password ?? ''}`).toString('base64')}`;
  }
  if (user.as) headers['Impersonate-User'] = user.as;
  const insecure = clusterEntry['insecure-skip-tls-verify'] === true;
  return {
    headers,
    tls: { ca, cert, key, servername: clusterEntry['tls-server-name'], ...(insecure && { rejectUnauthorized: false }) },
  };
}

/** Inline data wins over a file, as in client-go. */
async function readMaterial(file: string | undefined, data: string | undefined): Promise<Buffer | undefined> {
  if (data) return Buffer.from(data, 'base64');
  return file ? readFile(file) : undefined;
}

async function createLibraryReader({
  name,
  cluster,
  clusterEntry,
  user,
}: KubeConnection): Promise<() => Promise<Identity>> {
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  config.loadFromString(
    JSON.stringify({
      clusters: [{ name: cluster, cluster: clusterEntry }],
      users: [{ name, user }],
      contexts: [{ name, context: { cluster, user: name } }],
      'current-context': name,
    }),
  );
  return async () => {
    const options: RequestOptions = {};
    await config.applyToHTTPSOptions(options);
    const headers: Record<string, string> = {};
    for (const [header, value] of Object.entries(options.headers ?? {})) headers[header] = String(value);
    if (options.auth) headers.Authorization = `Basic ${Buffer.from(options.auth).toString('base64')}`;
    const { ca, cert, key, rejectUnauthorized, servername } = options;
    return {
      headers,
      tls: { ca, cert, key, rejectUnauthorized, servername },
      ...(clusterEntry['proxy-url'] && { proxyAgent: options.agent as HttpAgent }),
    };
  };
}

function digestOf(tls: Identity['tls']): string {
  const hash = createHash('sha256');
  for (const [name, value] of Object.entries(tls)) hash.update(`${name}\0${value?.toString() ?? ''}\0`);
  return hash.digest('hex');
}

function isLoopback(server: string): boolean {
  const { hostname } = new URL(server);
  // A name may begin as an address of this machine does.
  return hostname === 'localhost' || hostname === '[::1]' || (isIPv4(hostname) && hostname.startsWith('127.'));
}
