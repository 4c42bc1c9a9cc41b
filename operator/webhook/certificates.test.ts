import { X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  authoritySeconds,
  certificateSeconds,
  expiryOf,
  renew,
  renewAuthoritySeconds,
  renewalOf,
  renewCertificateSeconds,
  type WebhookCertificates,
} from './certificates.ts';

const hosts = ['duoloop-webhook.duoloop-system.svc', '127.0.0.1'];
const start = 1_800_000_000;

function authoritiesOf({ authorities }: WebhookCertificates): X509Certificate[] {
  return authorities
    .split(/(?<=-----END CERTIFICATE-----\n)/)
    .filter(Boolean)
    .map((pem) => new X509Certificate(pem));
}

describe('certificates of the webhook', () => {
  test('are good for every host and signed by the authority', async () => {
    const made = await renew(undefined, 'everything', hosts, start);
    const certificate = new X509Certificate(made.certificate);
    const [authority] = authoritiesOf(made);
    expect(certificate.verify(authority.publicKey) && certificate.checkIssued(authority)).toBe(true);
    expect(certificate.checkHost(hosts[0])).toBe(hosts[0]);
    expect(certificate.checkIP(hosts[1])).toBe(hosts[1]);
    expect(certificate.ca).toBe(false);
    expect(expiryOf(made)).toBe(start + certificateSeconds);
  });

  test('are renewed in time, for other hosts, and when they cannot be read', async () => {
    const made = await renew(undefined, 'everything', hosts, start);
    const certificateAge = certificateSeconds - renewCertificateSeconds;
    const authorityAge = authoritySeconds - renewAuthoritySeconds;
    expect(renewalOf(undefined, hosts, start)).toBe('everything');
    expect(renewalOf(made, hosts, start + certificateAge)).toBe('none');
    expect(renewalOf(made, hosts, start + certificateAge + 1)).toBe('certificate');
    expect(renewalOf(made, hosts, start + authorityAge + 1)).toBe('everything');
    expect(renewalOf(made, [...hosts, 'other'], start)).toBe('certificate');
    expect(renewalOf({ ...made, certificate: 'rubbish' }, hosts, start)).toBe('everything');
    expect(renewalOf({ ...made, authorities: '' }, hosts, start)).toBe('everything');
  });

  test('keep their authority when only the certificate is renewed', async () => {
    const made = await renew(undefined, 'everything', hosts, start);
    const later = await renew(made, 'certificate', hosts, start + certificateSeconds);
    expect(later.authorities).toBe(made.authorities);
    expect(later.certificate).not.toBe(made.certificate);
    expect(new X509Certificate(later.certificate).verify(authoritiesOf(made)[0].publicKey)).toBe(true);
  });

  test('keep trust in the authority before until it has ended', async () => {
    const made = await renew(undefined, 'everything', hosts, start);
    const renewedAt = start + authoritySeconds - 10;
    const later = await renew(made, 'everything', hosts, renewedAt);
    expect(authoritiesOf(later)).toHaveLength(2);
    expect(new X509Certificate(later.certificate).verify(authoritiesOf(later)[0].publicKey)).toBe(true);
    expect(authoritiesOf(later)[1].raw).toEqual(authoritiesOf(made)[0].raw);
    const last = await renew(later, 'everything', hosts, renewedAt + 20);
    expect(authoritiesOf(last)).toHaveLength(2);
  });
});
