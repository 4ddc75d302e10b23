// Pushed SVIDs with their keys, on the disk that has the CA's key, with the same access rights: a restarted control plane continues with
// them, and pushes nothing. What is lost here is issued again.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { Redacted } from '../lib/redacted.ts';
import type { Watchable } from '../lib/watchable.ts';
import { type SpiffeId, type TrustDomain, trustDomainOf } from '../model/spiffe-id.ts';
import { ensureSecretFolder, readSecretFile, writeSecretFileLater } from './secret-file.ts';
import type { Svid } from './svid.ts';
import { bundlePem, type TrustBundle } from './trust-bundle.ts';
import { sha256 } from './x509/fingerprint.ts';
import { nodeKeyOf } from './x509/node-key-extension.ts';
import { fromPem, toPem } from './x509/pem.ts';
import { verifySvid } from './x509/verify-svid.ts';

export interface SvidStore {
  /** The node's SVID, if it is still valid, for that identity and host, and from the present roots. */
  load(node: string, spiffeId: SpiffeId, nodeKey?: string): Promise<Svid | undefined>;
  /** Resolves when it is kept, or cannot be: then it is issued again after a restart. One at a time for a node. */
  save(node: string, svid: Svid): Promise<void>;
  /** Also what is being saved. */
  remove(node: string): void;
}

export interface SvidStoreOptions {
  /** Folder of mode 0700; created if it does not exist. */
  readonly dir: string;
  readonly bundle: Pick<Watchable<TrustBundle>, 'value'>;
  readonly clock: Clock;
  readonly log: Log;
}

/** For nodes that never came back. A file's time is the system's: the injected clock does not matter here. */
const forgetMs = 30 * 86_400_000;

/** Removes files that are too old to be of use. What cannot be read counts as absent. */
export function createSvidStore({ dir, bundle, clock, log }: SvidStoreOptions): SvidStore {
  ensureSecretFolder(dir);
  for (const name of readdirSync(dir)) {
    const path = join(dir, name);
    if (statSync(path).mtimeMs < Date.now() - forgetMs) rmSync(path, { force: true });
  }
  /** Nodes whose SVID is being written; `false`: it was removed meanwhile. */
  const saving = new Map<string, { readonly written: Promise<void>; wanted: boolean }>();
  const fileOf = (node: string): string => join(dir, `${sha256(node).toString('hex')}.pem`);

  return {
    async load(node, spiffeId, nodeKey) {
      await saving.get(node)?.written;
      const path = fileOf(node);
      if (!existsSync(path)) return undefined;
      try {
        const text = readSecretFile(path);
        const trust = { bundle: bundlePem(bundle.value()), trustDomain: trustDomainOf(spiffeId), now: clock.now() };
        return parse(text, { spiffeId, nodeKey }, trust);
      } catch (reason) {
        log.info({ node, reason: String(reason) }, 'a kept SVID cannot be used: a new one is issued');
        return undefined;
      }
    },
    async save(node, { chain, key }) {
      if (key === undefined) return;
      const before = saving.get(node)?.written ?? Promise.resolve();
      const written = before
        .then(() => writeSecretFileLater(fileOf(node), key.reveal() + chain))
        .catch((reason: unknown) => {
          log.warn({ node, reason: String(reason) }, 'cannot keep an SVID: a restart will issue a new one');
        })
        .then(() => {
          if (saving.get(node) === own) saving.delete(node);
          if (!own.wanted) rmSync(fileOf(node), { force: true });
        });
      const own = { written, wanted: true };
      saving.set(node, own);
      await written;
    },
    remove(node) {
      const own = saving.get(node);
      if (own === undefined) rmSync(fileOf(node), { force: true });
      else own.wanted = false;
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
