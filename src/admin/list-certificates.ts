// Every certificate in force: the CA's own, the control plane's, and those of workloads; what each is for, and which proxy has it.
import { X509Certificate } from 'node:crypto';
import type { IssuedCertificate as Recorded } from '../identity/issued-log.ts';
import type { Issuer } from '../identity/issuer.ts';
import { isOperator } from '../identity/operator.ts';
import { rootName } from '../identity/roots/roots-record.ts';
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

/** Roots, intermediates, and all on record that was issued, for a week after its end: by identity, the newest first. */
export async function listCertificates({
  identity,
  control,
  connections,
  trustDomain,
}: ListCertificatesDeps): Promise<readonly IssuedCertificate[]> {
  const { issuer, server, bundle } = identity;
  const pushed = new Map(control.proxies().map(({ certificate, node }) => [certificate?.serial, node]));
  const connected = connections.holders();
  const purposeOf = ({ purpose, spiffeId }: Recorded): IssuedCertificate['purpose'] => {
    if (purpose === 'server') return 'server';
    if (isOperator(spiffeId, trustDomain)) return 'operator';
    return purpose === 'pushed' ? 'svid-pushed' : 'svid-fetched';
  };
  const authority = (der: Buffer | string, purpose: IssuedCertificate['purpose']): IssuedCertificate => {
    const { serialNumber, validFrom, validTo, raw } = new X509Certificate(der);
    return {
      purpose,
      spiffeId: trustDomainUri(trustDomain),
      serial: serialNumber.toLowerCase(),
      notBefore: Date.parse(validFrom),
      notAfter: Date.parse(validTo),
      ...(purpose === 'ca-root' && { root: rootName(raw) }),
    };
  };
  const [, ...intermediates] = fromPem(server.current().chain, 'CERTIFICATE');
  const issued = (await issuer.issued()).map((certificate): IssuedCertificate => {
    const { serial, spiffeId, notBefore, notAfter, issuedAt, how, attestor, nodeKey, authority, chain, root } =
      certificate;
    // A helper may say of its proxy what it likes.
    const at = pushed.get(serial);
    const node = at?.startsWith(`${spiffeId}~`) === true ? at : connected.get(serial);
    return {
      purpose: purposeOf(certificate),
      ...{ serial, spiffeId, notBefore: Date.parse(notBefore), notAfter: Date.parse(notAfter) },
      ...defined({
        issuedAt,
        node,
        how,
        attestor,
        requester: certificate.node ?? certificate.address,
        nodeKey,
        authority,
        root,
      }),
      ...(chain !== undefined && { chain: [...chain] }),
    };
  });
  return [
    ...bundle.value().roots.map((pem) => authority(pem, 'ca-root')),
    ...intermediates.map((der) => authority(der, 'ca-intermediate')),
    ...issued.toSorted(byIdentity),
  ];
}

/** The control plane's own first; for each identity the newest first. */
function byIdentity(a: IssuedCertificate, b: IssuedCertificate): number {
  const rank = ({ purpose, spiffeId }: IssuedCertificate): string => `${purpose === 'server' ? 0 : 1}${spiffeId}`;
  const [left, right] = [rank(a), rank(b)];
  return left < right ? -1 : left > right ? 1 : issuedOf(b) - issuedOf(a);
}

function issuedOf({ issuedAt, notBefore }: IssuedCertificate): number {
  return issuedAt ?? notBefore;
}
