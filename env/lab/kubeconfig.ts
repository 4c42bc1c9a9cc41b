/** Kubeconfig files with one context. */

export interface KubeconfigOptions {
  readonly server: string;
  /** PEM. */
  readonly certificateAuthority: string;
  readonly user: string;
  readonly bearerToken: string;
  /** The context's namespace. */
  readonly namespace?: string;
}

/** JSON, which is YAML as well. */
export function formatKubeconfig(options: KubeconfigOptions): string {
  const { server, certificateAuthority, user, bearerToken, namespace } = options;
  const name = 'duoloop-lab';
  return `${JSON.stringify(
    {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        {
          name,
          cluster: { server, 'certificate-authority-data': Buffer.from(certificateAuthority).toString('base64') },
        },
      ],
      users: [{ name: user, user: { token: bearerToken } }],
      contexts: [{ name, context: { cluster: name, user, ...(namespace !== undefined && { namespace }) } }],
      'current-context': name,
    },
    null,
    2,
  )}\n`;
}
