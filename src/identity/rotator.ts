// Keeps pushed SVIDs fresh: one per node, renewed at half of its lifetime with jitter, the old one kept until the new one is there. All
// timers are monotonic: a clock that is set back renews nothing. One that is set forward, as after a pause of a virtual machine, renews
// what has ended by it, and what ends before its timer.
import type { Clock } from '../lib/clock.ts';
import { defined } from '../lib/defined.ts';
import type { Log } from '../lib/log.ts';
import type { SpiffeId } from '../model/spiffe-id.ts';
import type { IssuancePolicy } from './issuance-policy.ts';
import type { Issuer } from './issuer.ts';
import { renewalDelay, resumedDelay, retryDelay } from './rotation.ts';
import type { Svid } from './svid.ts';
import type { SvidStore } from './svid-store.ts';

export interface Rotator {
  /** The node's SVID, issued if that host has none; the same one for all who ask at the same time. */
  ensure(node: string, spiffeId: SpiffeId, nodeKey?: string): Promise<Svid>;
  current(node: string): Svid | undefined;
  /** A new SVID now. If that fails, the old one stays in force. */
  rotate(node: string): Promise<Svid | undefined>;
  /** Rotates every node, or those with a matching SVID; returns how many were rotated, and how many failed. */
  rotateAll(
    which?: (svid: Svid | undefined) => boolean,
  ): Promise<{ readonly rotated: number; readonly failed: number }>;
  /** Forgets the node and its key. */
  release(node: string): void;
  close(): void;
}

export interface RotatorOptions {
  readonly issuer: Issuer;
  readonly clock: Clock;
  readonly log: Log;
  /** Called for every SVID that replaces another, not for the first. */
  readonly onChange: (node: string, svid: Svid) => void;
  /** The control plane's own identity is issued under this policy. */
  readonly internal?: IssuancePolicy;
  /** Keeps SVIDs across a restart, so that none changes only because the control plane was restarted. */
  readonly kept?: SvidStore;
  readonly random?: () => number;
}

/** Rotations at the same time: as many as can sign without making the rest wait. */
const parallel = 16;

/** How soon a clock that was set is noticed. */
const lookMs = 5000;
/** What has ended at the same time is renewed within this time. */
const spreadMs = 4000;
/** Less is the resolution of the clocks, or their drift. */
const leastStepMs = 1000;

interface Slot {
  readonly spiffeId: SpiffeId;
  readonly nodeKey: string | undefined;
  svid: Svid | undefined;
  pending: Promise<Svid> | undefined;
  failures: number;
  released: boolean;
  /** When it is renewed, monotonic. */
  due: number;
  cancel: () => void;
}

/** Rejects only what a caller waits for: a failed renewal by timer is logged and tried again. */
export function createRotator(options: RotatorOptions): Rotator {
  const { issuer, clock, log, onChange, internal, kept, random = Math.random } = options;
  const slots = new Map<string, Slot>();
  let offset = clock.now() - clock.monotonic();
  let cancelLook = clock.after(lookMs, look);

  function look(): void {
    const before = offset;
    offset = clock.now() - clock.monotonic();
    if (offset - before > leastStepMs) wasSetForward(offset - before);
    cancelLook = clock.after(lookMs, look);
  }

  function wasSetForward(byMs: number): void {
    const now = clock.now();
    log.warn(
      { seconds: Math.round(byMs / 1000) },
      'the clock was set forward: SVIDs that have ended by it are renewed',
    );
    for (const [node, slot] of slots) {
      const { svid, pending } = slot;
      if (svid === undefined || pending !== undefined) continue;
      const ended = svid.notAfter.getTime() <= now;
      const ms = ended ? spreadMs * random() : renewalDelay(svid, now, random());
      if (ms >= slot.due - clock.monotonic()) continue;
      slot.cancel();
      plan(node, slot, ms);
    }
  }

  /** One at a time per node; concurrent callers get the same result. */
  function issue(node: string, slot: Slot, how: (node: string, slot: Slot) => Promise<Svid> = renew): Promise<Svid> {
    slot.pending ??= how(node, slot).finally(() => {
      slot.pending = undefined;
    });
    return slot.pending;
  }

  async function resume(node: string, slot: Slot): Promise<Svid> {
    const svid = await kept?.load(node, slot.spiffeId, slot.nodeKey);
    if (svid === undefined) return renew(node, slot);
    slot.svid = svid;
    plan(node, slot, resumedDelay(svid, clock.now(), random()));
    return svid;
  }

  async function renew(node: string, slot: Slot): Promise<Svid> {
    slot.cancel();
    try {
      const svid = await issuer.issue(slot.spiffeId, {
        ...defined({ nodeKey: slot.nodeKey, internal, node: internal === undefined ? node : undefined }),
        request: { how: internal === undefined ? 'stream' : 'own' },
        ...defined({ replaces: slot.svid?.notAfter.getTime() }),
      });
      // On disk before anybody has it, so that a restart goes on with it.
      if (!slot.released) await kept?.save(node, svid);
      const replaced = slot.svid !== undefined;
      slot.svid = svid;
      slot.failures = 0;
      plan(node, slot, renewalDelay(svid, clock.now(), random()));
      if (replaced && !slot.released) onChange(node, svid);
      return svid;
    } catch (reason) {
      slot.failures += 1;
      // If the first issue fails, the caller retries; a failed renewal is retried here.
      if (slot.svid !== undefined) {
        const left = slot.svid.notAfter.getTime() - clock.now();
        plan(node, slot, retryDelay(slot.failures, random(), left));
      }
      log.warn({ node, failures: slot.failures, reason: String(reason) }, 'cannot issue an SVID');
      throw reason;
    }
  }

  function plan(node: string, slot: Slot, ms: number): void {
    if (slot.released) return;
    slot.due = clock.monotonic() + ms;
    slot.cancel = clock.after(ms, () => {
      issue(node, slot).catch(() => {
        // Logged and rescheduled by renew.
      });
    });
  }

  function drop(slot: Slot): void {
    slot.released = true;
    slot.cancel();
  }

  return {
    async ensure(node, spiffeId, nodeKey) {
      let slot = slots.get(node);
      if (slot !== undefined && (slot.spiffeId !== spiffeId || slot.nodeKey !== nodeKey)) {
        drop(slot);
        slot = undefined;
      }
      if (slot === undefined) {
        slot = {
          spiffeId,
          nodeKey,
          svid: undefined,
          pending: undefined,
          failures: 0,
          released: false,
          due: Number.POSITIVE_INFINITY,
          cancel: () => {},
        };
        slots.set(node, slot);
        return issue(node, slot, resume);
      }
      // Timers are monotonic: after a suspension or a jump of the clock the current one may have expired.
      if (slot.svid !== undefined && slot.svid.notAfter.getTime() > clock.now()) return slot.svid;
      return issue(node, slot);
    },
    current: (node) => slots.get(node)?.svid,
    async rotate(node) {
      const slot = slots.get(node);
      if (slot === undefined) return undefined;
      // One in progress was requested earlier: it may precede what the caller wants replaced.
      await slot.pending?.catch(() => {});
      return issue(node, slot);
    },
    async rotateAll(which = () => true) {
      // What ends first before the rest.
      const ends = ([, { svid }]: readonly [string, Slot]): number =>
        svid?.notAfter.getTime() ?? Number.POSITIVE_INFINITY;
      const waiting = [...slots].filter(([, { svid }]) => which(svid)).toSorted((a, b) => ends(a) - ends(b) || 0);
      let rotated = 0;
      let failed = 0;
      const work = async (): Promise<void> => {
        for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
          await issue(...next).then(
            () => {
              rotated += 1;
            },
            () => {
              failed += 1;
            },
          );
        }
      };
      await Promise.all(Array.from({ length: parallel }, work));
      return { rotated, failed };
    },
    release(node) {
      const slot = slots.get(node);
      if (slot !== undefined) drop(slot);
      slots.delete(node);
      kept?.remove(node);
    },
    close() {
      cancelLook();
      for (const slot of slots.values()) drop(slot);
      slots.clear();
    },
  };
}
