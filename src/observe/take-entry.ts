// One entry of a proxy's access log into what is kept of it: the record of traffic, uses of break-glass identities, refusals by
// their id.
import type { HTTPAccessLogEntry, TCPAccessLogEntry } from '#gen/envoy/data/accesslog/v3/accesslog_pb.js';
import type { TrustDomain } from '../model/spiffe-id.ts';
import { httpCall, type InboundLog, type KeepPath, tcpCall } from './access-log.ts';
import type { BreakGlassWatch } from './break-glass.ts';
import { idsOf, pathOf } from './entry-ids.ts';
import type { Refusals } from './refusals.ts';
import type { Traffic } from './traffic.ts';

export interface TakeEntryDeps {
  readonly traffic: Pick<Traffic, 'record'>;
  readonly keepPath: KeepPath;
  /** Absent: no refusal can be asked for by its request id. */
  readonly refusals?: Refusals;
  readonly breakGlass?: BreakGlassWatch;
}

export interface EntryPlace {
  readonly stated: InboundLog;
  readonly node: string;
  readonly domain: TrustDomain;
}

export type Entry =
  | { readonly kind: 'http'; readonly entry: HTTPAccessLogEntry }
  | { readonly kind: 'tcp'; readonly entry: TCPAccessLogEntry };

export function takeEntry(given: Entry, { stated, node, domain }: EntryPlace, deps: TakeEntryDeps): void {
  const { traffic, keepPath, refusals, breakGlass } = deps;
  const call =
    given.kind === 'http' ? httpCall(stated, given.entry, domain, keepPath) : tcpCall(stated, given.entry, domain);
  if (call === undefined) return;
  traffic.record(call);
  breakGlass?.see(call, node);
  if (given.kind !== 'http' || call.decision !== 'refused') return;
  const ids = idsOf(given.entry);
  if (ids.requestId === '' && ids.tracedAs === '') return;
  const { service, caller, principal, policy, method } = call;
  refusals?.record({
    kind: 'refused',
    ...ids,
    service,
    node,
    caller,
    ...(principal === undefined ? {} : { principal }),
    ...(policy === undefined ? {} : { policy }),
    ...(method === undefined ? {} : { method }),
    path: pathOf(given.entry),
  });
}
