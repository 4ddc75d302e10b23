// Constant load: every worker of every lane sends pairs, one request on a kept connection and one on a new one, until it is
// stopped; then what is under way ends, so that every request is counted.
import { performance } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import type { Outcome } from '../wire/outcome.ts';
import type { TlsMaterial } from '../wire/tls.ts';
import { createLane, type Lane } from './lane.ts';
import type { LaneCounts, LanePlan, LoadPlan } from './plan.ts';

export interface Load {
  counts(): readonly LaneCounts[];
  renew(materials: readonly TlsMaterial[]): void;
  /** Resolves when all that was under way has ended. */
  stop(): Promise<readonly LaneCounts[]>;
}

const failuresTold = 5;

export function startLoad(
  { lanes: plans, concurrency, pauseMs }: LoadPlan,
  makeLane: (plan: LanePlan) => Lane = createLane,
): Load {
  let running = true;
  const lanes = plans.map((plan) => ({ lane: makeLane(plan), tally: createTally(plan) }));
  const work = async ({ lane, tally }: (typeof lanes)[number], worker: number): Promise<void> => {
    while (running) {
      const sendFresh = async (): Promise<void> => {
        const { outcome, serial } = await lane.fresh();
        tally.add('fresh', outcome, serial);
      };
      const sendKept = async (): Promise<void> => tally.add('kept', await lane.kept(worker));
      await Promise.all([sendKept(), sendFresh()]);
      if (pauseMs > 0) await wait(pauseMs);
    }
  };
  const workers = lanes.flatMap((lane) => Array.from({ length: concurrency }, (_, worker) => work(lane, worker)));
  const counts = (): LaneCounts[] => lanes.map(({ lane, tally }) => tally.counts(lane.reopened()));
  return {
    counts,
    renew(materials) {
      for (const [i, material] of materials.entries()) lanes[i]?.lane.renew(material);
    },
    async stop() {
      running = false;
      await Promise.all(workers);
      for (const { lane } of lanes) lane.close();
      return counts();
    },
  };
}

interface Tally {
  add(kind: 'kept' | 'fresh', outcome: Outcome, serial?: string): void;
  counts(reopened: number): LaneCounts;
}

function createTally({ protocol, kept, fresh }: LanePlan): Tally {
  const callers = { kept: kept.caller, fresh: fresh.caller };
  const serials = new Set<string>();
  const failures: string[] = [];
  let sent = 0;
  let failedCount = 0;
  let onNewConnections = 0;
  let longestGapMs = 0;
  let lastAnswer = performance.now();
  return {
    add(kind, outcome, serial) {
      sent += 1;
      if (kind === 'fresh') onNewConnections += 1;
      if (serial !== undefined) serials.add(serial);
      const problem = problemWith(outcome, protocol === 'tcp' ? undefined : callers[kind]);
      if (problem === undefined) {
        const now = performance.now();
        longestGapMs = Math.max(longestGapMs, now - lastAnswer);
        lastAnswer = now;
        return;
      }
      failedCount += 1;
      if (failures.length < failuresTold) failures.push(`${protocol}, ${kind} connection: ${problem}`);
    },
    counts: (reopened) => ({
      protocol,
      sent,
      failed: failedCount,
      onNewConnections,
      reopened,
      serials: [...serials],
      longestGapMs: Math.max(longestGapMs, performance.now() - lastAnswer),
      failures: [...failures],
    }),
  };
}

/** An answer counts only if the server was told the right caller; TCP has no headers to tell it in. */
function problemWith(outcome: Outcome, caller: string | undefined): string | undefined {
  switch (outcome.kind) {
    case 'ok':
      if (caller === undefined || outcome.caller.peerId === caller) return undefined;
      return `the server saw ${outcome.caller.peerId ?? 'an anonymous caller'}, not ${caller}`;
    case 'refused':
      return `refused with ${outcome.code} (${outcome.details})`;
    case 'failed':
      return outcome.details;
    default:
      return outcome satisfies never;
  }
}
