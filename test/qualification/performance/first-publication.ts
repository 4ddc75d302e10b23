// A control plane starts before a large deployment: everything is made for everybody, and meanwhile it answers others.
import type { Item } from '../item.ts';
import { startPublished } from './support/published-pipeline.ts';

const scale = { services: 1000, dependencies: 10 };
const proxies = 1000;
const publishedBound = 3000;
const turnBound = 20;

export const firstPublicationItem: Item = {
  name: 'first-publication',
  line:
    `${proxies} proxies connect to a control plane with ${scale.services} services of ${scale.dependencies} dependencies each and ` +
    `${2 * scale.services} policies; proxies in the same process`,
  bound: `no turn of the event loop over ${turnBound} ms; all published to in ${publishedBound / 1000} s`,
  async run(context) {
    const begun = process.cpuUsage();
    const published = await startPublished(context, scale, proxies);
    context.defer(published.close);
    const { user, system } = process.cpuUsage(begun);
    const { publishedMs, settledMs, longestTurnMs, turnsOver10Ms, pipeline } = published;
    const figures = {
      proxies,
      publishedMs: Math.round(publishedMs),
      settledMs: Math.round(settledMs),
      longestTurnMs: Math.round(longestTurnMs * 10) / 10,
      turnsOver10Ms,
      translations: await pipeline.counted('translations'),
      resourcesMade: await pipeline.counted('resources_made'),
      lints: await pipeline.counted('lints'),
      cpuSecondsWithReading: Math.round((user + system) / 1e5) / 10,
      memoryMiB: Math.round(process.memoryUsage().rss / 2 ** 20),
    };
    return { ok: publishedMs <= publishedBound && longestTurnMs <= turnBound, figures };
  },
};
