// A pipeline of so many services whose proxies have all connected, and have what they are sent.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { NodeId } from '../../../../src/lib/node-id.ts';
import type { Context } from '../../item.ts';
import { type Pipeline, startPipeline } from './pipeline.ts';
import { type Scale, spiffeIdOf, writeDocuments } from './scaled-documents.ts';
import { watchTurns } from './turns.ts';

export interface Published {
  readonly pipeline: Pipeline;
  /** From the first connection until every proxy had something, and until nothing was handed to anybody any more. */
  readonly publishedMs: number;
  readonly settledMs: number;
  readonly longestTurnMs: number;
  readonly turnsOver10Ms: number;
  close(): Promise<void>;
}

const quietMs = 300;
const patienceMs = 300_000;

export function nodeOf(number: number, scale: Scale): NodeId {
  return `${spiffeIdOf(number, scale)}~idle` as NodeId;
}

export async function startPublished(
  { work, progress }: Pick<Context, 'work' | 'progress'>,
  scale: Scale,
  proxies: number,
): Promise<Published> {
  const folder = join(work, `services-${scale.services}`);
  mkdirSync(folder);
  writeDocuments(join(folder, 'documents'), scale);
  const pipeline = await startPipeline(folder, join(folder, 'documents'));
  progress(`${scale.services} services, ${2 * scale.services} policies are read`);
  const turns = watchTurns();
  const startedAt = performance.now();
  for (let number = 0; number < proxies; number++) {
    const address = `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`;
    pipeline.connect({ node: nodeOf(number, scale), address, port: 8443 });
    await turn();
  }
  const served = new Set<NodeId>();
  let [publishedMs, lastAt] = [Number.NaN, startedAt];
  while (served.size < proxies || performance.now() - lastAt < quietMs) {
    await turn();
    for (const { node, at } of pipeline.pushes()) {
      served.add(node);
      lastAt = at;
      if (served.size === proxies && Number.isNaN(publishedMs)) publishedMs = at - startedAt;
    }
    if (performance.now() - startedAt > patienceMs) throw new Error(`${served.size} of ${proxies} were published to`);
  }
  const { ms: longestTurnMs, over10Ms: turnsOver10Ms } = turns.longest();
  turns.stop();
  return {
    ...{ pipeline, publishedMs, settledMs: lastAt - startedAt, longestTurnMs, turnsOver10Ms },
    close: pipeline.stop,
  };
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
