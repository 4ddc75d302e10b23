// The proxies of both sides: are they there, have they accepted what they were sent, can they listen. Pure.
import { defined } from '../lib/defined.ts';
import { formatHostPort } from '../lib/host-port.ts';
import type { Cause, Side, Suspicion, Weight } from './cause.ts';
import type { Facts, ProxyFacts, RejectedFact, SideFacts } from './facts.ts';
import { lookAtCertificate } from './look-at-certificates.ts';

export function lookAtProxies(facts: Facts): readonly Suspicion[] {
  return [...lookAtCaller(facts), ...lookAtService(facts)];
}

function lookAtCaller(facts: Facts): readonly Suspicion[] {
  const { caller, call, documents } = facts;
  if (call.anonymous !== undefined) return [];
  // Who is no service has no sidecar that must be there: an Envoy of its own, or certificates as files.
  if (caller.proxies.length === 0) return documents.needsDependency ? nobody('caller', caller) : [];
  const connected = caller.proxies.some(({ state }) => state === 'connected');
  return caller.proxies.flatMap((proxy) =>
    // One that is gone while others call harms nobody.
    lookAt('caller', proxy, facts, connected && proxy.state !== 'connected' ? 'note' : 'breaks'),
  );
}

function lookAtService(facts: Facts): readonly Suspicion[] {
  const { service, call } = facts;
  if (call.external) return [];
  if (service.proxies.length === 0) return call.ownEndpoints ? [] : nobody('service', service);
  const serving = service.proxies.some(({ takesCalls }) => takesCalls);
  return service.proxies.flatMap((proxy) =>
    // While others take the calls, one that gets none harms nobody.
    lookAt('service', proxy, facts, serving || call.ownEndpoints ? 'note' : 'breaks'),
  );
}

function nobody(side: Side, { who, refusedSvids }: SideFacts): readonly Suspicion[] {
  const [refused] = refusedSvids;
  return [
    ...(refused === undefined
      ? []
      : [{ weight: 'breaks', cause: { kind: 'svid-refused', side, who, reason: refused.reason } } as const]),
    { weight: 'breaks', cause: { kind: 'no-proxy', side, who } },
  ];
}

/** `idle`: what a fault weighs while the proxy gets no calls because of it. */
function lookAt(side: Side, proxy: ProxyFacts, facts: Facts, idle: Weight): readonly Suspicion[] {
  const { node, state, since, contested, outdated, withheld } = proxy;
  const at = { side, node };
  const found: Suspicion[] = [];
  if (contested !== undefined) {
    found.push({ weight: 'note', cause: { kind: 'proxy-contested', ...at, peer: contested.peer, at: contested.at } });
  }
  if (state !== 'connected') {
    // Callers still try one that is held.
    const weight = state === 'held' && proxy.takesCalls ? 'breaks' : idle;
    return [...found, { weight, cause: { kind: 'proxy-gone', ...at, held: state === 'held', since } }];
  }
  if (outdated !== undefined) found.push({ weight: idle, cause: { kind: 'proxy-outdated', ...at, why: outdated } });
  if (withheld !== undefined) found.push({ weight: 'note', cause: { kind: 'proxy-withheld', ...at, why: withheld } });
  // Callers are sent to it once it has accepted everything: what has nothing to do with this port holds that up as well.
  const heldUp = side === 'service' && !proxy.ready;
  const ofOthers = heldUp ? idle : 'note';
  for (const rejected of proxy.rejected) {
    // Told below, with who has it.
    if (proxy.takenPorts.some(({ port }) => rejected.message.includes(`:${port}`))) continue;
    const weight = concerns(side, rejected, facts) ? 'breaks' : ofOthers;
    found.push({ weight, cause: { kind: 'configuration-rejected', ...at, rejected, heldUp } });
  }
  for (const taken of proxy.takenPorts) {
    const own = isNeeded(side, proxy, taken, facts);
    const document = side === 'caller' ? facts.documents.callerDocument : facts.documents.serviceDocument;
    const cause: Cause = {
      ...{ kind: 'port-taken', ...at, at: formatHostPort(taken), holder: taken.holder, own, heldUp },
      ...defined({ document }),
    };
    found.push({ weight: own ? 'breaks' : ofOthers, cause });
  }
  if (side === 'service') found.push(...lookAtListening(proxy, facts, idle));
  const listens = side === 'caller' || proxy.takesCalls;
  if (!proxy.ready && outdated === undefined && !found.some(({ cause }) => saysWhyNotReady(cause))) {
    found.push({ weight: idle, cause: { kind: 'not-ready', ...at, unanswered: proxy.unanswered } });
  }
  return [...found, ...lookAtCertificate(side, proxy, facts, listens)];
}

function saysWhyNotReady({ kind }: Cause): boolean {
  return kind === 'configuration-rejected' || kind === 'port-taken' || kind === 'not-registered';
}

function lookAtListening(proxy: ProxyFacts, { call }: Facts, idle: Weight): readonly Suspicion[] {
  const at = { side: 'service', node: proxy.node } as const;
  if (proxy.notRegistered !== undefined) {
    return [{ weight: idle, cause: { kind: 'not-registered', ...at, why: proxy.notRegistered } }];
  }
  if (proxy.inbound !== undefined || call.ownEndpoints) return [];
  return [{ weight: idle, cause: { kind: 'listens-nowhere', ...at } }];
}

/** Names of resources: translate/names.ts. */
function concerns(side: Side, { resources }: RejectedFact, { call }: Facts): boolean {
  const own = side === 'caller' ? [`outbound:${call.target}`, call.target] : ['inbound'];
  return resources.some((name) =>
    own.some((part) => name === part || name.startsWith(`${part}/`) || name.startsWith(`${part}:`)),
  );
}

function isNeeded(
  side: Side,
  { inbound }: ProxyFacts,
  { address, port }: { readonly address: string; readonly port: number },
  { documents }: Facts,
): boolean {
  if (side === 'caller') return documents.listen === String(port);
  return inbound?.address === address && inbound.port === port;
}
