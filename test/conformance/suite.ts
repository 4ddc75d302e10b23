// Runs the cases of a variant against a target, side by side: each has a node of its own.
import type { Case, Context } from './case.ts';
import { answerCases } from './cases/answers.ts';
import { orderCases } from './cases/order.ts';
import { reconnectCases } from './cases/reconnect.ts';
import { removalCases } from './cases/removal.ts';
import { streamCases } from './cases/streams.ts';
import { updateCases } from './cases/updates.ts';
import { wildcardCases } from './cases/wildcard.ts';
import type { Contents } from './contents.ts';
import { createPeer, type Peer } from './peer.ts';
import { type Rule, rules } from './rules.ts';
import type { RunningTarget, Target } from './target.ts';
import type { Variant } from './variant.ts';

export const cases: readonly Case[] = [
  ...streamCases,
  ...answerCases,
  ...updateCases,
  ...wildcardCases,
  ...removalCases,
  ...reconnectCases,
  ...orderCases,
];

export interface Finding {
  readonly variant: Variant;
  readonly case: Case;
  /** Undefined if the case holds. */
  readonly failure: string | undefined;
}

export interface SuiteOptions {
  /** How long a response may take. */
  readonly deadlineMs?: number;
  /** How long to listen where nothing may come. */
  readonly quietMs?: number;
}

export function casesOf({ protocol, transport }: Variant): readonly Case[] {
  return cases.filter((one) => (one.protocol ?? protocol) === protocol && (one.transport ?? transport) === transport);
}

/** Rule, clause and what is expected. */
export function nameOf({ rule, title, level }: Case): string {
  const { clause }: Rule = rules[rule];
  return `rule ${rule}${clause === undefined ? '' : `, "${clause}"`}: ${title}${level === 'should' ? ' (should)' : ''}`;
}

export async function judge(target: Target, variant: Variant, options: SuiteOptions = {}): Promise<readonly Finding[]> {
  const running = await target.start(variant);
  try {
    return await Promise.all(
      casesOf(variant).map(async (one) => ({
        variant,
        case: one,
        failure: await runCase(target, running, variant, one, options),
      })),
    );
  } finally {
    await running.stop();
  }
}

async function runCase(
  target: Target,
  running: RunningTarget,
  variant: Variant,
  one: Case,
  { deadlineMs = 5000, quietMs = 500 }: SuiteOptions,
): Promise<string | undefined> {
  const node = `spiffe://conformance/service/${one.id}~1`;
  const peers: Peer[] = [];
  const others: RunningTarget[] = [];
  const connect = (address: string): Peer => {
    const peer = createPeer({ address, variant, node, deadlineMs, quietMs });
    peers.push(peer);
    return peer;
  };
  let current: Contents = {};
  const set = async (contents: Contents): Promise<void> => {
    current = contents;
    await running.set(node, contents);
  };
  const context: Context = {
    variant,
    connect: () => connect(running.address),
    set,
    update: (kind, name, text) => set({ ...current, [kind]: { ...current[kind], [name]: text } }),
    remove(kind, name) {
      const { [name]: _gone, ...rest } = current[kind] ?? {};
      return set({ ...current, [kind]: rest });
    },
    async replica(contents) {
      const other = await target.start(variant);
      others.push(other);
      await other.set(node, contents);
      return connect(other.address);
    },
  };
  try {
    await one.run(context);
    return undefined;
  } catch (reason) {
    return reason instanceof Error ? reason.message : String(reason);
  } finally {
    for (const peer of peers) peer.close();
    for (const other of others) await other.stop();
  }
}
