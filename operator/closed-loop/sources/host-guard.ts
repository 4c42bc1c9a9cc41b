/**
 * Which addresses may be asked for a ClosedLoop: HTTP sources, and policies. Their URL is written by whoever may write the
 * loop, and the operator may reach what they may not: the hosts are limited by name, and by the address that the name has
 * when it is connected to.
 */
import { lookup } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { UserError } from '../../../env/errors.ts';

/** Where clouds keep credentials and kubelets listen; nothing of an application is there. */
const neverAllowed = new BlockList();
neverAllowed.addSubnet('169.254.0.0', 16, 'ipv4');
neverAllowed.addSubnet('0.0.0.0', 8, 'ipv4');
neverAllowed.addSubnet('224.0.0.0', 4, 'ipv4');
neverAllowed.addAddress('255.255.255.255', 'ipv4');
neverAllowed.addAddress('100.100.100.200', 'ipv4');
neverAllowed.addAddress('168.63.129.16', 'ipv4');
neverAllowed.addAddress('192.0.0.192', 'ipv4');
neverAllowed.addAddress('::', 'ipv6');
neverAllowed.addSubnet('fe80::', 10, 'ipv6');
neverAllowed.addSubnet('ff00::', 8, 'ipv6');
neverAllowed.addAddress('fd00:ec2::254', 'ipv6');
neverAllowed.addAddress('fd20:ce::254', 'ipv6');
// The same link-local addresses by way of a NAT64 or 6to4 gateway.
neverAllowed.addSubnet('64:ff9b::a9fe:0', 112, 'ipv6');
neverAllowed.addSubnet('2002:a9fe::', 32, 'ipv6');

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

export interface HostGuard {
  /** @throws UserError `host.refused` when the URL must not be asked */
  check(url: URL): void;
  /** Resolves a name as usual, and fails when it leads where nothing may be asked. For a connection's `lookup`. */
  lookupOf(url: URL): LookupFunction;
}

/**
 * @param allowedHosts host names that may be named, without port; a URL has to match one of them
 * @param option of the command line that allows more
 */
export function createHostGuard(
  allowedHosts: readonly RegExp[],
  resolveName: LookupFunction = lookup,
  option = '--http-source-host',
): HostGuard {
  function refuseAddress(url: URL, address: string): UserError | undefined {
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    const named = hostOf(url);
    // A name of the cluster must not lead to this process itself; loopback is for those who allow it by its own name.
    const isLoopbackAllowed = named === 'localhost' || isIP(named) !== 0;
    const isRefused = neverAllowed.check(address, family) || (loopback.check(address, family) && !isLoopbackAllowed);
    if (!isRefused) return undefined;
    return new UserError('host.refused', `${named} leads to ${address}, which is never asked`);
  }

  return {
    check(url) {
      const host = hostOf(url);
      if (!allowedHosts.some((pattern) => pattern.test(host))) {
        throw new UserError(
          'host.refused',
          `the host ${host} is not allowed; name a Service as <name>.<namespace>.svc, or allow it by ${option}`,
        );
      }
      const refused = isIP(host) === 0 ? undefined : refuseAddress(url, host);
      if (refused !== undefined) throw refused;
    },
    lookupOf: (url) => (hostname, options, callback) =>
      resolveName(hostname, options, (error, address, family) => {
        const addresses = typeof address === 'string' ? [address] : (address ?? []).map((entry) => entry.address);
        const refused = addresses.map((each) => refuseAddress(url, each)).find((reason) => reason !== undefined);
        if (error === null && refused !== undefined) callback(refused, '', 0);
        else callback(error, address, family);
      }),
  };
}

/** Without the brackets of IPv6 and the dot of a complete name. */
function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
}
