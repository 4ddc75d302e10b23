// Pushed SVIDs with their keys, on the disk that has the CA's key, with the same access rights: a restarted control plane continues with
// them, and pushes nothing. What is lost here is issued again.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { Redacted } from '../lib/redacted.ts';
import type { Table } from '../lib/table.ts';
import type { Watchable } from '../lib/watchable.ts';
import { type SpiffeId, type TrustDomain, trustDomainOf } from '../model/spiffe-id.ts';
import type { Svid } from './svid.ts';
import { bundlePem, stayingRoots, type TrustBundle } from './trust-bundle.ts';
import { nodeKeyOf } from './x509/node-key-extension.ts';
import { fromPem, toPem } from './x509/pem.ts';
import { verifySvid } from './x509/verify-svid.ts';

export interface SvidStore {
  /** The node's SVID, if it is still valid, for that identity and host, and from the roots that stay. */
  load(node: string, spiffeId: SpiffeId, nodeKey?: string): Promise<Svid | undefined>;
  /** Resolves when it is kept, or cannot be: then it is issued again after a restart. */
  save(node: string, svid: Svid): Promise<void>;
  /** Also what is being saved. */
  remove(node: string): void;
}

export interface SvidStoreOptions {
  /** Holds keys: never one that others may read. Its operations take effect in the order of the calls. */
  readonly table: Table;
  readonly bundle: Pick<Watchable<TrustBundle>, 'value'>;
  readonly clock: Clock;
  readonly log: Log;
}

/** What cannot be read counts as absent. An SVID that has ended is not kept. */
export function createSvidStore({ table, bundle, clock, log }: SvidStoreOptions): SvidStore {
  return {
    async load(node, spiffeId, nodeKey) {
      try {
        const text = await table.get(node);
        if (typeof text !== 'string') return undefined;
        const roots = stayingRoots(bundle.value());
        const trust = { bundle: bundlePem({ roots }), trustDomain: trustDomainOf(spiffeId), now: clock.now() };
        return parse(text, { spiffeId, nodeKey }, trust);
      } catch (reason) {
        log.info({ node, reason: String(reason) }, 'a kept SVID cannot be used: a new one is issued');
        return undefined;
      }
    },
    async save(node, { chain, key, notAfter }) {
      if (key === undefined) return;
      try {
        await table.set(node, key.reveal() + chain, { ttlMs: Math.max(1, notAfter.getTime() - clock.now()) });
      } catch (reason) {
        log.warn({ node, reason: String(reason) }, 'cannot keep an SVID: a restart will issue a new one');
      }
    },
    remove(node) {
      table.delete(node).catch((reason: unknown) => {
        log.warn({ node, reason: String(reason) }, 'cannot remove a kept SVID: it ends by itself');
      });
    },
  };
}

function parse(
  text: string,
  { spiffeId, nodeKey }: { readonly spiffeId: SpiffeId; readonly nodeKey: string | undefined },
  trust: { readonly bundle: string; readonly trustDomain: TrustDomain; readonly now: number },
): Svid | undefined {
  const chain = fromPem(text, 'CERTIFICATE')
    .map((der) => toPem(der, 'CERTIFICATE'))
    .join('');
  const [keyDer] = fromPem(text, 'PRIVATE KEY', 1);
  const { leaf, spiffeId: found } = verifySvid({ chain, ...trust });
  if (keyDer === undefined || found !== spiffeId || nodeKeyOf(leaf.raw) !== nodeKey) return undefined;
  const key = createPrivateKey({ key: keyDer, format: 'der', type: 'pkcs8' });
  if (!new X509Certificate(leaf.raw).checkPrivateKey(key)) return undefined;
  return {
    spiffeId,
    chain,
    key: new Redacted(toPem(keyDer, 'PRIVATE KEY')),
    serial: leaf.serialNumber.toLowerCase(),
    notBefore: leaf.validFromDate,
    notAfter: leaf.validToDate,
  };
}
