// The control plane's own certificate (`…/cellwall/server`), for its xDS and identity ports; renewed without a restart.
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { serverSpiffeId, type TrustDomain } from '../model/spiffe-id.ts';
import type { Issuer } from './issuer.ts';
import { createRotator } from './rotator.ts';
import type { Svid } from './svid.ts';

export interface ServerSvid {
  current(): Svid;
  /** Called for every renewal. The returned function unsubscribes. */
  watch(listener: (svid: Svid) => void): () => void;
  rotate(): Promise<Svid>;
  close(): void;
}

export interface ServerSvidOptions {
  readonly issuer: Issuer;
  readonly trustDomain: TrustDomain;
  readonly clock: Clock;
  readonly log: Log;
  /** Names in addition to the SPIFFE ID, for clients that check host names. */
  readonly dnsNames?: readonly string[];
  /** Default a day. */
  readonly lifetimeMs?: number;
}

const node = 'server';

/** Resolves once there is a certificate; rejects if it cannot be issued. */
export async function createServerSvid(options: ServerSvidOptions): Promise<ServerSvid> {
  const { issuer, trustDomain, clock, log, dnsNames = [], lifetimeMs = 86_400_000 } = options;
  const listeners = new Set<(svid: Svid) => void>();
  const rotator = createRotator({
    issuer,
    clock,
    log,
    internal: { lifetimeMs, dnsNames },
    onChange: (_, svid) => {
      for (const listener of listeners) listener(svid);
    },
  });
  let latest = await rotator.ensure(node, serverSpiffeId(trustDomain));
  const current = (): Svid => {
    latest = rotator.current(node) ?? latest;
    return latest;
  };
  return {
    current,
    watch(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async rotate() {
      const svid = await rotator.rotate(node);
      if (svid === undefined) throw new CellwallError('unavailable', 'the server certificate is closed');
      return svid;
    },
    close: () => rotator.close(),
  };
}
