// What is in order, so that nobody looks there again: one sentence each. Pure.
import { short, utc } from './cause-words.ts';
import type { Facts, ProxyFacts, SideFacts } from './facts.ts';
import { placeText } from './look-at-application.ts';

export function checkedOf(facts: Facts): readonly string[] {
  const { caller, service, policy, traffic, documents, call } = facts;
  return [
    ...(documents.listen === undefined
      ? []
      : [`${caller.who} reaches ${call.target} on ${listenText(documents.listen)}`]),
    ...connectedOf(caller, facts.now),
    ...connectedOf(service, facts.now),
    ...service.proxies.flatMap(applicationOf),
    ...(policy.outcome === 'allowed' ? [`policy allows it: ${policy.reason} (${policy.decidedBy})`] : []),
    ...(traffic.allowedAt === undefined ? [] : [`the last call on record that got through: ${utc(traffic.allowedAt)}`]),
  ];
}

/** A loopback port, or a socket. */
function listenText(listen: string): string {
  return /^\d+$/.test(listen) ? `127.0.0.1:${listen}` : listen;
}

function connectedOf({ who, proxies }: SideFacts, now: number): readonly string[] {
  const fine = proxies.filter((proxy) => isFine(proxy, now));
  if (fine.length === 0) return [];
  const last = Math.min(...fine.map(({ certificate }) => certificate?.notAfter ?? 0));
  return [
    `${fine.length} of ${proxies.length} ${proxies.length === 1 ? 'proxy' : 'proxies'} of ${who} connected, in step, with a valid ` +
      `certificate (until ${utc(last)})`,
  ];
}

function isFine({ state, ready, certificate, rejected, withheld, outdated }: ProxyFacts, now: number): boolean {
  return (
    state === 'connected' &&
    ready &&
    rejected.length === 0 &&
    withheld === undefined &&
    outdated === undefined &&
    certificate !== undefined &&
    (certificate.notBefore ?? 0) <= now &&
    certificate.notAfter > now
  );
}

function applicationOf({ node, application, applicationState, state }: ProxyFacts): readonly string[] {
  if (state !== 'connected' || application === undefined || applicationState?.answers !== true) return [];
  return [`the application behind ${short(node)} answers at ${placeText(application)}`];
}
