// Counts entries of allowed calls that are like earlier ones, without decoding them: almost all that a proxy reports. What is counted is
// what the decoded entry would have been counted as; whatever else may follow from an entry (a refusal that is kept by its id, a probe, a
// handshake, nobody's request) is never the case for these.
import type { TrustDomain } from '../model/spiffe-id.ts';
import { httpCall, type InboundLog, portOfLog } from './access-log.ts';
import type { CallMemo } from './call-memo.ts';
import type { CrossCheck, InboundLogKind } from './cross-check.ts';
import type { LogEntry } from './log-message.ts';
import { hasCertificate } from './own-probe.ts';
import type { StableParts } from './stable-parts.ts';
import { type TakeEntryDeps, takeCall } from './take-entry.ts';
import type { Call } from './traffic-count.ts';

export interface RepeatedDeps
  extends Pick<TakeEntryDeps, 'traffic' | 'breakGlass' | 'grantedTokens' | 'issuers' | 'keepPath'> {
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

/** For one stream: between two places, `flush`. */
export function createRepeatedCalls({ memo, crossCheck, ...deps }: RepeatedDeps): RepeatedCalls {
  const counts = new Map<Call, Map<Path, number>>();
  let endedAt: number[] = [];
  let at: { readonly node: string; readonly kind: InboundLogKind } | undefined;
  return {
    count(parts, { stated, node, domains }) {
      const call = memo.get(keyOf(parts, stated, domains));
      if (call === undefined) return false;
      const path = deps.keepPath(portOfLog(stated), parts.path);
      let paths = counts.get(call);
      if (paths === undefined) {
        paths = new Map();
        counts.set(call, paths);
      }
      paths.set(path, (paths.get(path) ?? 0) + 1);
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
      if (call?.decision === 'allowed') memo.set(keyOf(parts, stated, domains), call);
    },
    flush() {
      if (at === undefined) return;
      const { node, kind } = at;
      crossCheck?.told(node, kind, endedAt);
      for (const [call, paths] of counts) {
        for (const [path, count] of paths) {
          takeCall(path === undefined ? call : { ...call, path }, { node, count }, deps);
        }
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
