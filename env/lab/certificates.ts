/** A certificate authority of the lab's own. Its key never leaves the process; what it signs is valid for a week. */
import {
  type Certificate,
  type CertificateRequest,
  certificatePem,
  createAuthority,
  generateSigningKeys,
  issueCertificate,
  privateKeyPem,
  publicKeyPem,
} from '../certificates.ts';

export type { Certificate };

export interface CertificateAuthority {
  readonly certificatePem: string;
  /** A certificate for TLS servers and clients with a new key. */
  issue(request: Pick<CertificateRequest, 'commonName' | 'organizations' | 'hosts'>): Promise<Certificate>;
}

const validSeconds = 7 * 24 * 3600;

export async function createCertificateAuthority(commonName: string): Promise<CertificateAuthority> {
  const validity = () => ({ now: Date.now() / 1000, validSeconds });
  const authority = await createAuthority({ commonName, ...validity() });
  return {
    certificatePem: certificatePem(authority.certificate),
    issue: (request) => issueCertificate(authority, { ...request, ...validity() }),
  };
}

/** An ECDSA key with which the API server signs the tokens of service accounts. */
export async function createSigningKey(): Promise<{ privateKeyPem: string; publicKeyPem: string }> {
  const { privateKey, publicKey } = await generateSigningKeys();
  return { privateKeyPem: await privateKeyPem(privateKey), publicKeyPem: await publicKeyPem(publicKey) };
}
