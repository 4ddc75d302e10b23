// The control planes that a sidecar may use, and the one that it uses. Before Envoy runs, the first that answers; from then on the one to
// which Envoy has its stream (follow-envoy.ts). It is kept for as long as it works: one that comes back is not returned to.
import { createHash, createPublicKey } from 'node:crypto';
import { CellwallError } from '../../lib/errors.ts';
import { formatHostPort, type HostPort } from '../../lib/host-port.ts';
import { readHostPort } from '../host-port.ts';
import type { NodeKeyFile } from '../svid/node-key.ts';

/** One control plane, by its two ports for sidecars. */
export interface ControlPlane {
  readonly identity: HostPort;
  readonly xds: HostPort;
}

export interface ControlPlanes {
  /** All of them, the one in use first: in this order they are tried. */
  order(): readonly ControlPlane[];
  /** The identity API of the one in use. */
  identity(): HostPort;
  /** From now on this one is in use: it answered. */
  use(one: ControlPlane): void;
  /** Aborted when another one is in use than now. */
  moved(): AbortSignal;
  /** Whether that is news: that it failed for this reason was not said since it last answered. */
  failed(one: ControlPlane, reason: string): boolean;
}

/**
 * `seed` (the host's node key) gives each proxy an order of its own, the same at each start: all proxies together use all control planes,
 * and those of one that fails go to all that are left. `all` must not be empty.
 */
export function createControlPlanes(all: readonly [ControlPlane, ...ControlPlane[]], seed: string): ControlPlanes {
  const ranked = [...all].sort((one, other) => (rank(seed, one) < rank(seed, other) ? -1 : 1));
  let current = ranked[0] ?? all[0];
  let moving = new AbortController();
  const said = new Map<ControlPlane, string>();
  return {
    order: () => [current, ...ranked.filter((one) => one !== current)],
    identity: () => current.identity,
    use(one) {
      said.delete(one);
      if (one === current) return;
      current = one;
      const before = moving;
      moving = new AbortController();
      before.abort();
    },
    moved: () => moving.signal,
    failed(one, reason) {
      const news = said.get(one) !== reason;
      said.set(one, reason);
      return news;
    },
  };
}

/** `identity` and `xds`: as many "host:port" each, separated by commas. Throws `invalid_argument`. */
export function readControlPlanes(identity: string, xds = identity): readonly [ControlPlane, ...ControlPlane[]] {
  const [first, ...more] = identity.split(',').map((text) => readHostPort('identity address', text));
  const streams = xds.split(',').map((text) => readHostPort('xDS address', text));
  if (first === undefined || streams.length !== more.length + 1) {
    throw new CellwallError('invalid_argument', 'there are not as many identity addresses as xDS addresses', {
      hint: 'each control plane has one of both: give them in the same order',
    });
  }
  const pair = (at: HostPort, index: number): ControlPlane => ({ identity: at, xds: streams[index] ?? at });
  return [pair(first, 0), ...more.map((at, index) => pair(at, index + 1))];
}

/** Of one proxy, as it stays. */
export function seedOf({ key }: NodeKeyFile): string {
  return createPublicKey(key()).export({ format: 'der', type: 'spki' }).toString('base64');
}

export function nameOf({ identity }: ControlPlane): string {
  return formatHostPort(identity);
}

/** Rendezvous hashing: without one of them, the order of the others stays as it was. */
function rank(seed: string, one: ControlPlane): string {
  return createHash('sha256')
    .update(`${seed} ${nameOf(one)}`)
    .digest('hex');
}
