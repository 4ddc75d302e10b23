// One policy is edited in deployments of different sizes: it costs what it concerns, and not what there is.
import type { Item } from '../item.ts';
import { type Edited, measureEdits } from './support/measure-edits.ts';

const sizes = [100, 1000, 5000];
const judged = 1000;
const [maxProxies, edits] = [1000, 25];
const firstBound = 50;
const lastBound = 100;
const growthBound = 1.5;

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
    for (const services of sizes) {
      found.set(services, await measureEdits(context, { scale: { services, dependencies: 10 }, maxProxies, edits }));
    }
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
