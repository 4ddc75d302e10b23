// Every certificate in force: the CA's own, the control plane's, and those of workloads; what each is for, and which proxy has it.
import { X509Certificate } from 'node:crypto';
import type { IssuedCertificate as Recorded } from '../identity/issued-log.ts';
import type { Issuer } from '../identity/issuer.ts';
import { isOperator } from '../identity/operator.ts';
import type { ServerSvid } from '../identity/server-svid.ts';
import type { TrustBundle } from '../identity/trust-bundle.ts';
import { fromPem } from '../identity/x509/pem.ts';
import { defined } from '../lib/defined.ts';
import type { Watchable } from '../lib/watchable.ts';
import { type TrustDomain, trustDomainUri } from '../model/spiffe-id.ts';
import type { ConnectionCertificates } from '../registry/connection-certificates.ts';
import type { ProxyStatus } from '../registry/proxy-status.ts';
import type { IssuedCertificate } from './wire-certificates.ts';

export interface ListCertificatesDeps {
  readonly identity: {
    readonly issuer: Pick<Issuer, 'issued'>;
    readonly server: Pick<ServerSvid, 'current'>;
    readonly bundle: Pick<Watchable<TrustBundle>, 'value'>;
  };
  readonly control: { proxies(): readonly ProxyStatus[] };
  readonly connections: ConnectionCertificates;
  readonly trustDomain: TrustDomain;
}

/** Those that are valid at `now` (epoch milliseconds): roots, intermediates, and what was issued by identity, the newest first. */
export async function listCertificates(
  { identity, control, connections, trustDomain }: ListCertificatesDeps,
  now: number,
): Promise<readonly IssuedCertificate[]> {
  const { issuer, server, bundle } = identity;
  const pushed = new Map(control.proxies().map(({ certificate, node }) => [certificate?.serial, node]));
  const connected = connections.holders();
  const purposeOf = ({ purpose, spiffeId }: Recorded): IssuedCertificate['purpose'] => {
    if (purpose === 'server') return 'server';
    if (isOperator(spiffeId, trustDomain)) return 'operator';
    return purpose === 'pushed' ? 'svid-pushed' : 'svid-fetched';
  };
  const authority = (der: Buffer | string, purpose: IssuedCertificate['purpose']): IssuedCertificate => {
    const { serialNumber, validFrom, validTo } = new X509Certificate(der);
    return {
      purpose,
      spiffeId: trustDomainUri(trustDomain),
      serial: serialNumber.toLowerCase(),
      notBefore: Date.parse(validFrom),
      notAfter: Date.parse(validTo),
    };
  };
  const [, ...intermediates] = fromPem(server.current().chain, 'CERTIFICATE');
  const issued = (await issuer.issued()).map((certificate): IssuedCertificate => {
    const { serial, spiffeId, notBefore, notAfter } = certificate;
    const node = pushed.get(serial) ?? connected.get(serial);
    return {
      purpose: purposeOf(certificate),
      ...{ serial, spiffeId, notBefore: Date.parse(notBefore), notAfter: Date.parse(notAfter) },
      ...defined({ node }),
    };
  });
  return [
    ...bundle.value().roots.map((pem) => authority(pem, 'ca-root')),
    ...intermediates.map((der) => authority(der, 'ca-intermediate')),
    ...issued.filter(({ notAfter }) => notAfter > now).toSorted(byIdentity),
  ];
}

/** The control plane's own first; for each identity the newest first. */
function byIdentity(a: IssuedCertificate, b: IssuedCertificate): number {
  const rank = ({ purpose, spiffeId }: IssuedCertificate): string => `${purpose === 'server' ? 0 : 1}${spiffeId}`;
  const [left, right] = [rank(a), rank(b)];
  return left < right ? -1 : left > right ? 1 : b.notBefore - a.notBefore;
}
