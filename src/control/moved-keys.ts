// For the gates of a rotation of the root: proxies whose helpers keep their keys. What the control plane once made for them nobody uses any
// more; and that a helper has a new certificate does not say that its Envoy shows it. Pure.
import type { IssuedCertificate } from '../identity/issued-log.ts';
import type { HoldUp } from '../identity/roots/hold-up.ts';
import { type RootsRecord, type RotationPhase, rootName } from '../identity/roots/roots-record.ts';
import type { MeshIr } from '../policy/ir.ts';
import type { RegisteredProxy } from '../registry/registered-proxy.ts';
import type { ShownCertificate } from '../registry/shown-certificates.ts';
import { keysOf } from './keys-of.ts';

export interface MovedKeys {
  /** Those in whose place their proxies have their own now are left out. */
  readonly issued: readonly IssuedCertificate[];
  readonly holdUps: readonly HoldUp[];
}

export interface MovedKeysFacts {
  readonly phase: RotationPhase;
  readonly record: RootsRecord;
  readonly mesh: MeshIr | undefined;
  readonly proxies: readonly Pick<RegisteredProxy, 'node' | 'spiffeId' | 'secrets' | 'state' | 'replica'>[];
  readonly issued: readonly IssuedCertificate[];
  readonly shown: (node: string) => ShownCertificate | undefined;
}

export function movedKeys({ phase, record, mesh, proxies, issued, shown }: MovedKeysFacts): MovedKeys {
  const local = mesh === undefined ? [] : proxies.filter((proxy) => keysOf(mesh, proxy) === 'local');
  const nodes = new Set(local.filter(({ state }) => state === 'connected').map(({ node }) => node));
  const theirs = issued.filter(({ purpose, node }) => purpose !== 'pushed' || node === undefined || !nodes.has(node));
  if (phase !== 'renew' && phase !== 'taint') return { issued: theirs, holdUps: [] };
  const stay = record.roots.filter(({ state }) => state === 'active' || state === 'published');
  const names = new Set(stay.map(({ pem }) => rootName(pem)));
  const rootOf = new Map(issued.map(({ serial, root }) => [serial, root]));
  const holdUps = local.flatMap(({ node, replica, state }): HoldUp[] => {
    // Each control plane speaks for those whose streams it has; whoever is away is held up as that.
    if (replica !== undefined || state !== 'connected') return [];
    const certificate = shown(node);
    if (certificate === undefined) {
      return [{ kind: 'helper', who: node, why: 'its helper has not said yet which certificate its Envoy shows' }];
    }
    const root = rootOf.get(certificate.serial);
    if (root !== undefined && names.has(root)) return [];
    const ends = new Date(certificate.notAfter).toISOString();
    const why = `its Envoy shows a certificate that is not under the new root: serial ${certificate.serial}, ends ${ends}`;
    return [{ kind: 'proxy', who: node, why }];
  });
  return { issued: theirs, holdUps };
}
