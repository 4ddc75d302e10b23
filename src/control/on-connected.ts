// A proxy's stream has connected: it is registered, and its SVID made or found.
import { retryDelay } from '../identity/rotation.ts';
import type { Rotator } from '../identity/rotator.ts';
import type { Svid } from '../identity/svid.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { identityOf, type NodeId } from '../lib/node-id.ts';
import type { SpiffeId } from '../model/spiffe-id.ts';
import { workloadOf } from '../policy/identities.ts';
import type { MeshIr } from '../policy/ir.ts';
import { portsOf } from '../registry/ports.ts';
import { moved, type RegisteredProxy } from '../registry/registered-proxy.ts';
import type { Registry } from '../registry/registry.ts';
import type { StreamEvent } from '../xds/server/observer.ts';
import { keysOf } from './keys-of.ts';
import { outdatedEnvoy } from './outdated-envoy.ts';
import { proxyOfStream } from './proxy-of-stream.ts';
import type { Pusher } from './pusher.ts';

export interface OnConnectedDeps {
  readonly registry: Registry;
  readonly pusher: Pusher;
  readonly rotator: Rotator;
  readonly log: Log;
  /** The mesh in force. */
  readonly mesh: () => MeshIr | undefined;
  /** Called with the SVID of a proxy that is to be sent it. */
  readonly own: (node: string, svid: Svid) => void;
  /** Called for one that keeps its key itself. */
  readonly serve: (proxy: RegisteredProxy) => void;
  readonly clock: Clock;
  readonly random?: () => number;
}

type Event = Extract<StreamEvent, { kind: 'connected' }>;

export interface Connected {
  readonly connected: (event: Event) => void;
  /** After the documents changed: SVIDs for those who are to be sent one now. */
  readonly begin: () => void;
  /** Once they have what is in force: forgets the SVIDs of those who keep their keys themselves now, and their keys. */
  readonly end: () => void;
}

export function createOnConnected({
  registry,
  pusher,
  rotator,
  log,
  clock,
  random = Math.random,
  ...deps
}: OnConnectedDeps): Connected {
  /** Until there is one, or the proxy is gone or another host's: Envoy keeps the stream open, and asks for nothing again. */
  function ensure(node: NodeId, holder: string | undefined, spiffeId: SpiffeId, tries: number): void {
    rotator.ensure(node, spiffeId, holder).then(
      (svid) => deps.own(node, svid),
      (reason: unknown) => {
        if (Number.isInteger(Math.log2(tries))) {
          log.error({ node, tries, reason: String(reason) }, 'no SVID for the proxy: its streams are held');
        }
        clock.after(retryDelay(tries, random(), 0), () => {
          const proxy = registry.get(node);
          const still = proxy !== undefined && isHere(proxy) && proxy.holder === holder && isPushed(proxy);
          if (still && rotator.current(node) === undefined) ensure(node, holder, spiffeId, tries + 1);
        });
      },
    );
  }

  /** Before there are documents, whoever has no key of its own is sent one. */
  function isPushed(proxy: RegisteredProxy): boolean {
    const mesh = deps.mesh();
    return mesh === undefined ? proxy.secrets === undefined : keysOf(mesh, proxy) === 'pushed';
  }

  function connected({ stream, node, claims, peer }: Event): void {
    const mesh = deps.mesh();
    // Verified when the stream was authenticated.
    const spiffeId = identityOf(node) as RegisteredProxy['spiffeId'];
    const before = registry.get(node);
    const rule = mesh === undefined ? undefined : workloadOf(mesh.identities, spiffeId)?.advertise;
    const claim = proxyOfStream({ node, spiffeId, claims, peer, rule });
    for (const { name: port, notRegistered: reason } of portsOf(claim)) {
      const hint = 'give it an address from which it connects, or that its Workload lists in spec.advertise.addresses';
      if (reason !== undefined) log.warn({ node, port, peer: peer.address, reason, hint }, 'not registered');
    }
    registry.connected(stream, claim);
    const proxy = registry.get(node);
    if (proxy === undefined) return;
    // A proxy that moved is not answered with what it was served at its old address, nor one host with what another was served.
    const other = before !== undefined && (before.holder !== claim.holder || before.secrets !== claim.secrets);
    if (before !== undefined && (other || moved(before, proxy))) pusher.hold(node);
    const outdated = mesh === undefined ? undefined : outdatedEnvoy(mesh, proxy);
    if (outdated !== undefined) {
      // Nor with what it was served when it was a newer version.
      pusher.hold(node);
      log.error({ node, reason: outdated, hint: 'give its sidecar a newer Envoy' }, 'a proxy is sent nothing');
    }
    if (isPushed(proxy)) ensure(node, claim.holder, spiffeId, 1);
    else {
      forget(proxy);
      deps.serve(proxy);
    }
  }

  function forget({ node }: RegisteredProxy): void {
    rotator.release(node);
    pusher.dropSvid(node);
    const mesh = deps.mesh();
    const proxy = registry.get(node);
    // What it was sent has a key that is no longer here; it keeps that, but a new stream is not answered with it.
    if (mesh !== undefined && proxy !== undefined && keysOf(mesh, proxy) === 'none') pusher.hold(node);
  }

  return {
    connected,
    begin() {
      for (const proxy of registry.proxies()) {
        const { node, holder, spiffeId } = proxy;
        // The registry's node is the verified one as which the stream was authenticated.
        if (isHere(proxy) && isPushed(proxy) && rotator.current(node) === undefined)
          ensure(node as NodeId, holder, spiffeId, 1);
      }
    },
    end() {
      for (const proxy of registry.proxies()) if (!isPushed(proxy) && rotator.current(proxy.node)) forget(proxy);
    },
  };
}

function isHere({ state, replica }: RegisteredProxy): boolean {
  return state === 'connected' && replica === undefined;
}
