// Identities of control planes that follow this one, `spiffe://<trust domain>/cellwall/follower/<cell>`: for a cell whose document says
// that it has one. A join token earns it. It may read documents and roots, and get an intermediate; nothing else.
import { parseSpiffeId, type SpiffeId, type TrustDomain, trustDomainUri } from '../model/spiffe-id.ts';

/** The cell whose control plane it is, by name only: the certificate must have been verified. Undefined: it is somebody else's. */
export function followedCell(spiffeId: string, trustDomain: TrustDomain): string | undefined {
  const prefix = `${trustDomainUri(trustDomain)}/cellwall/follower/`;
  const cell = spiffeId.startsWith(prefix) ? spiffeId.slice(prefix.length) : '';
  return cell === '' || cell.includes('/') ? undefined : cell;
}

/** The same, of whatever trust domain. */
export function followedCellOf(spiffeId: string): string | undefined {
  const id: SpiffeId | undefined = parseSpiffeId(spiffeId);
  return id === undefined ? undefined : /^spiffe:\/\/[^/]+\/cellwall\/follower\/([^/]+)$/.exec(id)?.[1];
}
