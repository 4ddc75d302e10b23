// What one edited policy costs where there are so many services, each edit of another service's.
import type { DocumentKey } from '../../../../src/model/documents/document.ts';
import type { Context } from '../../item.ts';
import { median, quantile } from '../../support/quantile.ts';
import type { Pipeline } from './pipeline.ts';
import { nodeOf, startPublished } from './published-pipeline.ts';
import { policyText, type Scale, serviceName } from './scaled-documents.ts';

export interface Edited {
  /** Of the first publication to all: until every proxy had something, and the longest turn of the event loop. */
  readonly publishedMs: number;
  readonly longestTurnMs: number;
  /** Median, from the text to the first proxy that is handed what is new, and to the last. */
  readonly firstMs: number;
  readonly lastMs: number;
  readonly worstMs: number;
  readonly translations: number;
  readonly resolves: number;
  readonly documents: number;
  readonly parsed: number;
}

export interface EditsOptions {
  readonly scale: Scale;
  /** There are as many as services, and no more than these. */
  readonly maxProxies: number;
  readonly edits: number;
}

export async function measureEdits(
  context: Pick<Context, 'work' | 'progress'>,
  { scale, maxProxies, edits }: EditsOptions,
): Promise<Edited> {
  const proxies = Math.min(scale.services, maxProxies);
  const { pipeline, publishedMs, longestTurnMs, close } = await startPublished(context, scale, proxies);
  try {
    const [first, last]: [number[], number[]] = [[], []];
    const counters = ['translations', 'resolves', 'documents_resolved', 'files_parsed'];
    // The first ones warm the code up.
    for (let edit = -5; edit < 0; edit++) await one(pipeline, scale, proxies, edit);
    const before = await Promise.all(counters.map(pipeline.counted));
    for (let edit = 0; edit < edits; edit++) {
      const { firstMs, lastMs } = await one(pipeline, scale, proxies, edit);
      first.push(firstMs);
      last.push(lastMs);
    }
    const after = await Promise.all(counters.map(pipeline.counted));
    const [translations = 0, resolves = 0, documents = 0, parsed = 0] = after.map(
      (count, index) => (count - (before[index] ?? 0)) / edits,
    );
    const worstMs = quantile(last, 1);
    const published = { publishedMs, longestTurnMs };
    return {
      ...published,
      firstMs: median(first),
      lastMs: median(last),
      worstMs,
      translations,
      resolves,
      documents,
      parsed,
    };
  } finally {
    await close();
  }
}

/** The policy of another service each time, which one proxy stands before. */
async function one(
  pipeline: Pipeline,
  scale: Scale,
  proxies: number,
  edit: number,
): Promise<{ firstMs: number; lastMs: number }> {
  const number = (edit * 37 + 1000 * 37) % proxies;
  const key = `AuthorizationPolicy/c1/allow-${serviceName(number, scale)}` as DocumentKey;
  pipeline.pushes();
  const startedAt = performance.now();
  await pipeline.store.apply([{ op: 'put', key, text: policyText(number, scale, `edit-${edit}`) }], {
    author: 'qualification',
    urgent: true,
  });
  // Nobody else is handed anything for a while.
  await new Promise((resolve) => setTimeout(resolve, 250));
  const pushes = pipeline.pushes();
  if (!pushes.some(({ node }) => node === nodeOf(number, scale))) throw new Error('the edit did not reach its proxy');
  const times = pushes.map(({ at }) => at - startedAt);
  return { firstMs: Math.min(...times), lastMs: Math.max(...times) };
}
