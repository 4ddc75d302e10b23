// Counts entries of allowed calls that are like earlier ones, without decoding them: almost all that a proxy reports. What is counted is
// what the decoded entry would have been counted as; whatever else may follow from an entry (a refusal that is kept by its id, a probe, a
// handshake, nobody's request) is never the case for these.
import type { TrustDomain } from '../model/spiffe-id.ts';
import { httpCall, type InboundLog, portOfLog } from './access-log.ts';
import { edgeOf, factsOf } from './call-facts.ts';
import type { CallMemo, RememberedCall } from './call-memo.ts';
import type { CrossCheck, InboundLogKind } from './cross-check.ts';
import type { LogEntry } from './log-message.ts';
import { hasCertificate } from './own-probe.ts';
import type { StableParts } from './stable-parts.ts';
import { type TakeEntryDeps, takeCall } from './take-entry.ts';
import type { Call } from './traffic-count.ts';

export interface RepeatedDeps
  extends Pick<TakeEntryDeps, 'traffic' | 'breakGlass' | 'grantedTokens' | 'issuers' | 'keepPath' | 'signals'> {
  readonly memo: CallMemo;
  readonly crossCheck?: Pick<CrossCheck, 'told'>;
}

/** An HTTP log of a service's own. */
export interface RepeatedPlace {
  readonly stated: InboundLog;
  readonly node: string;
  /** Whose identities its callers can prove. */
  readonly domains: readonly TrustDomain[];
}

export interface RepeatedCalls {
  /** False: the entry must be decoded. */
  count(parts: StableParts, place: RepeatedPlace): boolean;
  /** After an entry with these parts was decoded. */
  learn(parts: StableParts, entry: LogEntry, place: RepeatedPlace): void;
  /** Passes on what was counted since. */
  flush(): void;
}

type Path = Call['path'];

/** What was counted since the last flush. */
interface Tally {
  readonly paths: Map<Path, number>;
  readonly took: number[];
  count: number;
  received: number;
  sent: number;
}

/** For one stream: between two places, `flush`. */
export function createRepeatedCalls({ memo, crossCheck, ...deps }: RepeatedDeps): RepeatedCalls {
  const counts = new Map<RememberedCall, Tally>();
  let endedAt: number[] = [];
  let at: { readonly node: string; readonly kind: InboundLogKind } | undefined;
  return {
    count(parts, { stated, node, domains }) {
      const remembered = memo.get(keyOf(parts, stated, domains));
      if (remembered === undefined) return false;
      const path = deps.keepPath(portOfLog(stated), parts.path);
      let tally = counts.get(remembered);
      if (tally === undefined) {
        tally = { paths: new Map(), took: [], count: 0, received: 0, sent: 0 };
        counts.set(remembered, tally);
      }
      tally.paths.set(path, (tally.paths.get(path) ?? 0) + 1);
      tally.count += 1;
      tally.received += parts.received;
      tally.sent += parts.sent;
      if (parts.tookMs >= 0) tally.took.push(parts.tookMs);
      endedAt.push(parts.endedAt);
      at ??= { node, kind: stated.chain };
      return true;
    },
    learn(parts, given, { stated, domains }) {
      if (given.kind !== 'http' || given.entry.request?.path !== parts.path) return;
      const { commonProperties: common } = given.entry;
      // Whether it is the control plane's own probe is asked of each entry of which that may be.
      if (common?.tlsProperties !== undefined && !hasCertificate(common)) return;
      const call = httpCall(stated, given.entry, domains, () => undefined);
      if (call?.decision === 'allowed') memo.set(keyOf(parts, stated, domains), { call, facts: factsOf(given) });
    },
    flush() {
      if (at === undefined) return;
      const { node, kind } = at;
      crossCheck?.told(node, kind, endedAt);
      for (const [{ call, facts }, { paths, ...tally }] of counts) {
        for (const [path, count] of paths) {
          takeCall(path === undefined ? call : { ...call, path }, { node, count }, deps);
        }
        deps.signals?.record(edgeOf(call), { facts, decision: call.decision, ...tally });
      }
      counts.clear();
      endedAt = [];
      at = undefined;
    },
  };
}

function keyOf(
  { key }: StableParts,
  { service, port = '', chain }: InboundLog,
  domains: readonly TrustDomain[],
): string {
  return `${domains.join()} ${service}:${port} ${chain} ${key}`;
}
