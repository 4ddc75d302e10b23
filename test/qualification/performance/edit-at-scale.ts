// One policy is edited in deployments of different sizes: it costs what it concerns, and not what there is.
import type { DocumentKey } from '../../../src/model/documents/document.ts';
import type { Context, Item } from '../item.ts';
import { median, quantile } from '../support/quantile.ts';
import type { Pipeline } from './support/pipeline.ts';
import { nodeOf, startPublished } from './support/published-pipeline.ts';
import { policyText, type Scale, serviceName } from './support/scaled-documents.ts';

const sizes = [100, 1000, 5000];
const judged = 1000;
const maxProxies = 1000;
const edits = 25;
const firstBound = 50;
const lastBound = 100;
const growthBound = 1.5;

interface Edited {
  /** Median, from the text to the first proxy that is handed what is new, and to the last. */
  readonly firstMs: number;
  readonly lastMs: number;
  readonly worstMs: number;
  readonly translations: number;
  readonly resolves: number;
  readonly documents: number;
  readonly parsed: number;
}

export const editAtScaleItem: Item = {
  name: 'edit-at-scale',
  line:
    `one policy is applied to a directory of ${sizes.join(', ')} services with two policies and 10 dependencies each, before as many ` +
    `proxies, ${maxProxies} at most; medians of ${edits}, proxies in the same process`,
  bound:
    `at ${judged} services: text to first byte ${firstBound} ms, to last ${lastBound} ms; translations = proxies concerned; ` +
    `from ${sizes[0]} to ${sizes.at(-1)} services within ${growthBound}x`,
  async run(context) {
    const found = new Map<number, Edited>();
    for (const services of sizes) found.set(services, await measure(context, { services, dependencies: 10 }));
    const all = [...found.values()];
    const figures: Record<string, number> = {};
    for (const [services, edited] of found) {
      for (const [name, value] of Object.entries(edited)) figures[`${name}At${services}`] = Math.round(value * 10) / 10;
    }
    const [smallest, largest] = [all[0]?.firstMs ?? Number.NaN, all.at(-1)?.firstMs ?? Number.NaN];
    const growth = largest / smallest;
    const at = found.get(judged);
    const inTime = at !== undefined && at.firstMs <= firstBound && at.lastMs <= lastBound && growth <= growthBound;
    const concerned = all.every(({ translations }) => translations === 1);
    return { ok: inTime && concerned, figures: { ...figures, growth: Math.round(growth * 100) / 100 } };
  },
};

async function measure(context: Context, scale: Scale): Promise<Edited> {
  const proxies = Math.min(scale.services, maxProxies);
  const { pipeline, close } = await startPublished(context, scale, proxies);
  try {
    const [first, last]: [number[], number[]] = [[], []];
    const counters = ['translations', 'resolves', 'documents_resolved', 'files_parsed'];
    // The first ones warm the code up.
    for (let edit = -5; edit < 0; edit++) await one(pipeline, scale, edit);
    const before = await Promise.all(counters.map(pipeline.counted));
    for (let edit = 0; edit < edits; edit++) {
      const { firstMs, lastMs } = await one(pipeline, scale, edit);
      first.push(firstMs);
      last.push(lastMs);
    }
    const after = await Promise.all(counters.map(pipeline.counted));
    const [translations = 0, resolves = 0, documents = 0, parsed = 0] = after.map(
      (count, index) => (count - (before[index] ?? 0)) / edits,
    );
    const worstMs = quantile(last, 1);
    return { firstMs: median(first), lastMs: median(last), worstMs, translations, resolves, documents, parsed };
  } finally {
    await close();
  }
}

/** The policy of another service each time, which one proxy stands before. */
async function one(pipeline: Pipeline, scale: Scale, edit: number): Promise<{ firstMs: number; lastMs: number }> {
  const number = (edit * 37 + 1000 * 37) % Math.min(scale.services, maxProxies);
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
