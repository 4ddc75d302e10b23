// Who asked for an SVID and got none, and why: for operators. Whoever asked is told less. Bounded, in number and in bytes: anybody who can
// connect can be refused.
import { clip } from '../lib/clip.ts';
import type { Clock } from '../lib/clock.ts';
import type { CellwallError, ErrorCode } from '../lib/errors.ts';

export interface RefusedSvid {
  /** `attest`: it presented evidence. `renew`: an SVID. */
  readonly by: 'attest' | 'renew';
  /** From where the last one came. */
  readonly address: string;
  readonly code: ErrorCode;
  readonly reason: string;
  /** Which selectors came closest, and what did not match. */
  readonly why: readonly string[];
  readonly attestor?: string;
  /** What it would have been, as far as that is proved. */
  readonly spiffeId?: string;
  /** Its node key: it proved to have it. */
  readonly nodeKey?: string;
  readonly count: number;
  /** Epoch milliseconds. */
  readonly firstAt: number;
  readonly lastAt: number;
}

export type NewRefusal = Pick<RefusedSvid, 'by' | 'address' | 'attestor' | 'spiffeId' | 'nodeKey'> & {
  readonly failed: CellwallError;
  readonly why: readonly string[];
  /** Its evidence was verified: strangers displace none of these. */
  readonly proved: boolean;
  /** It was the token of a job. */
  readonly exchanges?: boolean;
};

export interface RefusedSvids {
  note(refusal: NewRefusal): void;
  /** The latest first. */
  list(): readonly RefusedSvid[];
  /** Called for each refusal. */
  watch(listener: (refusal: NewRefusal) => void): void;
}

/** Of each kind: of those who proved something, and of strangers. */
const most = 100;
const mostWhy = 6;
const longest = 500;
const keepMs = 86_400_000;

/** In memory: each who is refused asks again soon. */
export function createRefusedSvids(clock: Pick<Clock, 'now'>): RefusedSvids {
  const kinds = { proved: new Map<string, RefusedSvid>(), strange: new Map<string, RefusedSvid>() };
  const listeners: ((refusal: NewRefusal) => void)[] = [];
  return {
    note(refusal) {
      const { by, address, attestor, spiffeId, nodeKey, failed, why, proved } = refusal;
      for (const listener of listeners) listener(refusal);
      const kept = proved ? kinds.proved : kinds.strange;
      const short = (text: string): string => clip(text, longest);
      const now = clock.now();
      const about = {
        ...(attestor !== undefined && { attestor: clip(attestor, 64) }),
        ...(spiffeId !== undefined && { spiffeId }),
        ...(nodeKey !== undefined && { nodeKey: clip(nodeKey, 64) }),
      };
      const reason = short(failed.message);
      // Who attests may invent node keys.
      const who = by === 'renew' ? nodeKey : proved ? why.join() : address;
      const key = JSON.stringify([by, about.attestor, spiffeId, who, failed.code, reason]);
      const before = kept.get(key);
      kept.delete(key);
      kept.set(key, {
        ...{ by, address: clip(address, 64), code: failed.code, reason, why: why.slice(0, mostWhy).map(short) },
        ...about,
        ...{ count: (before?.count ?? 0) + 1, firstAt: before?.firstAt ?? now, lastAt: now },
      });
      const oldest = kept.keys().next().value;
      if (kept.size > most && oldest !== undefined) kept.delete(oldest);
    },
    watch: (listener) => void listeners.push(listener),
    list() {
      const since = clock.now() - keepMs;
      return [...kinds.proved.values(), ...kinds.strange.values()]
        .filter(({ lastAt }) => lastAt >= since)
        .sort((a, b) => b.lastAt - a.lastAt);
    },
  };
}
