// Every certificate in force: the CA's own, the control plane's, and those of workloads; what each is for, and which proxy has it.
import { X509Certificate } from 'node:crypto';
import type { IssuedCertificate } from '../admin/wire.ts';
import type { Control } from '../control/control.ts';
import type { IssuedCertificate as Recorded } from '../identity/issued-log.ts';
import { isOperator } from '../identity/operator.ts';
import { fromPem } from '../identity/x509/pem.ts';
import { defined } from '../lib/defined.ts';
import { type TrustDomain, trustDomainUri } from '../model/spiffe-id.ts';
import type { ConnectionCertificates } from './connection-certificates.ts';
import type { IdentityServices } from './identity.ts';

export interface ListCertificatesDeps {
  readonly identity: Pick<IdentityServices, 'issuer' | 'server' | 'bundle'>;
  readonly control: Pick<Control, 'proxies'>;
  readonly connections: ConnectionCertificates;
  readonly trustDomain: TrustDomain;
}

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
