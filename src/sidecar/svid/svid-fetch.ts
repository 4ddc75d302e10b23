// `cellwall svid fetch`: one SVID as files, for your own TLS client. Run again, it renews.
import { join } from 'node:path';
import { type Clock, systemClock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import type { Log } from '../../lib/log.ts';
import type { Redacted } from '../../lib/redacted.ts';
import type { EvidenceSource } from '../attest/make-evidence.ts';
import { createControlPlanes, readControlPlanes, seedOf } from '../servers/control-planes.ts';
import { loadNodeKey } from './node-key.ts';
import { type ObtainSvidDeps, obtainSvid } from './obtain-svid.ts';
import { createSvidFiles, svidFileNames } from './svid-files.ts';
import { writeXdsSecrets } from './write-xds-secrets.ts';

export interface FetchSvidOptions {
  /** Identity APIs, "host:port", separated by commas. */
  readonly identity: string;
  readonly token?: Redacted<string> | undefined;
  readonly evidence?: EvidenceSource | undefined;
  /** Receives svid.pem, key.pem (0600), bundle.pem, and their file-based SDS for an Envoy (xds-*.json); mode 0700. */
  readonly dir: string;
  /** Throws if the identity is not the expected one: nothing of it is saved. */
  readonly verify?: ObtainSvidDeps['verify'];
  readonly log: Log;
  readonly clock?: Clock;
}

export interface FetchedSvid {
  readonly spiffeId: string;
  readonly notAfter: Date;
  /** Paths. */
  readonly chain: string;
  readonly key: string;
  readonly bundle: string;
}

/** The files are replaced only by a complete new version. */
export async function fetchSvid({
  identity,
  token,
  evidence,
  dir,
  verify,
  log,
  clock = systemClock,
}: FetchSvidOptions): Promise<FetchedSvid> {
  const files = createSvidFiles(dir);
  const kept = files.read();
  if (kept !== undefined) verify?.(kept.spiffeId, 'folder');
  const nodeKey = await loadNodeKey(dir);
  const svid = await obtainSvid({
    servers: createControlPlanes(readControlPlanes(identity), seedOf(nodeKey)),
    ...defined({ token, evidence, verify }),
    nodeKey,
    files,
    clock,
    log,
  });
  writeXdsSecrets(dir, svid);
  const { spiffeId, notAfter } = svid;
  const path = (name: string): string => join(dir, name);
  return {
    spiffeId,
    notAfter,
    chain: path(svidFileNames.chain),
    key: path(svidFileNames.key),
    bundle: path(svidFileNames.bundle),
  };
}
