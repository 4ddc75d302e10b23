// What follows for a control plane that alone has lost the store (registry/isolation.ts): it says so, and takes no new streams.
import { createPrivateKey } from 'node:crypto';
import type { ServerSvid } from '../identity/server-svid.ts';
import { bundlePem, type TrustBundle } from '../identity/trust-bundle.ts';
import { deliver } from '../identity-api/deliver.ts';
import { identityPaths } from '../identity-api/identity-protocol.ts';
import type { HearsReceiver } from '../identity-api/receive-hears.ts';
import type { Clock } from '../lib/clock.ts';
import { CellwallError } from '../lib/errors.ts';
import { type HostPort, parseHostPort } from '../lib/host-port.ts';
import type { Lifecycle } from '../lib/lifecycle.ts';
import type { Log } from '../lib/log.ts';
import type { Watchable } from '../lib/watchable.ts';
import type { Metrics } from '../observe/metrics.ts';
import { createIsolation, type Isolation } from '../registry/isolation.ts';
import type { Replica, Replicas } from '../registry/replicas.ts';

export interface OpenIsolationDeps {
  /** Absent: nobody shares the store. */
  readonly replicas: Replicas | undefined;
  readonly metrics: Pick<Metrics, 'watchIsolation'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly lifecycle: Lifecycle;
  readonly afterMs: number | undefined;
}

/** What it asks with. */
interface Own {
  readonly server: Pick<ServerSvid, 'current'>;
  readonly bundle: Pick<Watchable<TrustBundle>, 'value'>;
}

export interface OpenIsolation {
  /** Why it is not ready; undefined: it is not isolated. For anybody. */
  why(): string | undefined;
  /** Throws `unavailable` while it takes no new streams. */
  check(): void;
  /** What it answers to others. */
  readonly hears: HearsReceiver | undefined;
  /** From now on it asks the others, when it has to. */
  begin(own: Own): void;
}

const timeoutMs = 2000;

export function openIsolation(deps: OpenIsolationDeps): OpenIsolation {
  const { replicas, metrics, clock, log, lifecycle, afterMs } = deps;
  let isolation: Isolation | undefined;
  metrics.watchIsolation(() => isolation?.since() !== undefined);
  return {
    why() {
      const since = isolation?.since();
      if (since === undefined) return undefined;
      const heard = new Date(since).toISOString();
      return `isolated: it has heard nothing of the store since ${heard}, while another control plane does; it takes no new streams`;
    },
    check: () => isolation?.check(),
    hears: replicas && (({ replica, forMs }) => replica === replicas.id && replicas.steadyMs() >= Math.max(forMs, 1)),
    begin(own) {
      if (replicas === undefined) return;
      const hears = (replica: Replica, forMs: number): Promise<boolean> => ask(replica, forMs, own);
      isolation = createIsolation({ replicas, hears, clock, log, ...(afterMs === undefined ? {} : { afterMs }) });
      lifecycle.defer('isolation', isolation.stop);
    },
  };
}

/** At all addresses that it told, with the control plane's own SVID, over TLS that proves the same of the other. */
async function ask({ id: replica, about }: Replica, forMs: number, { server, bundle: trust }: Own): Promise<boolean> {
  const { chain, key } = server.current();
  if (key === undefined) throw new CellwallError('internal', 'the server certificate has no key');
  const svid = { chain, key: createPrivateKey(key.reveal()), bundle: bundlePem(trust.value()) };
  const body = async (): Promise<object> => ({ replica, forMs });
  const answers = addressesOf(about['identity']).map((at) =>
    deliver({ ...at, svid, timeoutMs, path: identityPaths.hears, body }),
  );
  return Promise.any(answers).then(() => true);
}

function addressesOf(told: unknown): readonly HostPort[] {
  const texts: readonly unknown[] = Array.isArray(told) ? told : [];
  return texts.slice(0, 8).flatMap((text) => (typeof text === 'string' ? (parseHostPort(text) ?? []) : []));
}
