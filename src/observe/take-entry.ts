// Turns one entry of a proxy's access log into what is kept of it: the record of traffic, uses of break-glass identities, denials and
// failures by their id.
import type { HTTPAccessLogEntry, TCPAccessLogEntry } from '#gen/envoy/data/accesslog/v3/accesslog_pb.js';
import type { TrustDomain } from '../model/spiffe-id.ts';
import type { RecordedSignals } from '../signals/recorded-signals.ts';
import { httpCall, type InboundLog, type KeepPath, tcpCall } from './access-log.ts';
import type { BreakGlassWatch } from './break-glass.ts';
import { edgeOf, sampleOf } from './call-facts.ts';
import { idsOf, pathOf } from './entry-ids.ts';
import type { GrantedTokens } from './granted-tokens.ts';
import type { Refusals } from './refusals.ts';
import type { SeenIssuers } from './seen-issuers.ts';
import { endOf } from './told-of-message.ts';
import type { Traffic } from './traffic.ts';
import type { Call } from './traffic-count.ts';

export interface TakeEntryDeps {
  readonly traffic: Pick<Traffic, 'record'>;
  readonly keepPath: KeepPath;
  /** Absent: denials cannot be looked up by their request id. */
  readonly refusals?: Refusals;
  readonly breakGlass?: BreakGlassWatch;
  /** Absent: which tokens were set for whom is in the record alone. */
  readonly grantedTokens?: GrantedTokens;
  readonly issuers?: Pick<SeenIssuers, 'see'>;
  /** Absent: how calls went is not kept. */
  readonly signals?: Pick<RecordedSignals, 'record'>;
}

export interface EntryPlace {
  readonly stated: InboundLog;
  readonly node: string;
  /** Whose identities its callers can prove. */
  readonly domains: readonly TrustDomain[];
}

export type Entry =
  | { readonly kind: 'http'; readonly entry: HTTPAccessLogEntry }
  | { readonly kind: 'tcp'; readonly entry: TCPAccessLogEntry };

/** `stated`: what the log's name says. Entries that are no call are ignored. */
export function takeEntry(given: Entry, { stated, node, domains }: EntryPlace, deps: TakeEntryDeps): void {
  const { keepPath, refusals, signals } = deps;
  const call =
    given.kind === 'http' ? httpCall(stated, given.entry, domains, keepPath) : tcpCall(stated, given.entry, domains);
  if (call === undefined) return;
  takeCall(call, { node, count: 1 }, deps);
  signals?.record(edgeOf(call), sampleOf(given, call.decision));
  if (given.kind === 'http') keepAnswer(given.entry, call, node, refusals);
}

/** `count` equal ones. */
export function takeCall(
  call: Call,
  { node, count }: { readonly node: string; readonly count: number },
  {
    traffic,
    breakGlass,
    grantedTokens,
    issuers,
  }: Pick<TakeEntryDeps, 'traffic' | 'breakGlass' | 'grantedTokens' | 'issuers'>,
): void {
  // Not in the record: it changes with every intermediate.
  const { issuer: _, ...counted } = call;
  traffic.record(counted, count);
  issuers?.see(call);
  breakGlass?.see(call, node);
  grantedTokens?.see(call, node, count);
}

/** What the proxy answered, or broke off, and the caller noticed. */
function keepAnswer(entry: HTTPAccessLogEntry, call: Call, node: string, refusals: Refusals | undefined): void {
  const { service, port, caller, principal, policy, method, decision } = call;
  const { requestId, tracedAs } = idsOf(entry);
  const common = {
    ...{ tracedAs, service, node, caller },
    ...(port === undefined ? {} : { port }),
    ...(principal === undefined ? {} : { principal }),
    ...(method === undefined ? {} : { method }),
    path: pathOf(entry),
    endedAt: endOf(entry.commonProperties),
  };
  if (decision === 'denied' && (requestId !== '' || tracedAs !== '')) {
    refusals?.record({ ...common, kind: 'denied', requestId, ...(policy === undefined ? {} : { policy }) });
  }
  const { responseCode: status = 0, responseCodeDetails: details = '' } = entry.response ?? {};
  // The id in such an answer is the one that the request had (translate/inbound/local-replies.ts). A caller that left got no answer.
  if (decision === 'failed' && tracedAs !== '' && status > 0) {
    refusals?.record({ ...common, kind: 'failed', requestId: '', status, details });
  }
}
