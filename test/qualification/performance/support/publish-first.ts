// The first publication of a pipeline in a process of its own, as long as nothing else runs in it. It tells its parent what it measured.
// Arguments: a folder, how many services there are, dependencies of each, and proxies.
import type { Outcome } from '../../item.ts';
import { startPublished } from './published-pipeline.ts';

export type FirstNews =
  | { readonly kind: 'progress'; readonly text: string }
  | { readonly kind: 'figures'; readonly figures: Outcome['figures'] & FirstFigures };

export interface FirstFigures {
  readonly publishedMs: number;
  readonly longestTurnMs: number;
}

const [work = '', ...numbers] = process.argv.slice(2);
const [services = 0, dependencies = 0, proxies = 0] = numbers.map(Number);
const tell = (news: FirstNews): void => void process.send?.(news);
process.once('disconnect', () => process.exit(0));

const begun = process.cpuUsage();
const progress = (text: string): void => tell({ kind: 'progress', text });
const published = await startPublished({ work, progress }, { services, dependencies }, proxies);
const { user, system } = process.cpuUsage(begun);
const { publishedMs, settledMs, longestTurnMs, turnsOver10Ms, pipeline } = published;
tell({
  kind: 'figures',
  figures: {
    proxies,
    publishedMs: Math.round(publishedMs),
    settledMs: Math.round(settledMs),
    longestTurnMs: Math.round(longestTurnMs * 10) / 10,
    turnsOver10Ms,
    translations: await pipeline.counted('translations'),
    resourcesMade: await pipeline.counted('resources_made'),
    lints: await pipeline.counted('lints'),
    cpuSecondsWithReading: Math.round((user + system) / 1e5) / 10,
    memoryMiB: Math.round(process.memoryUsage.rss() / 2 ** 20),
  },
});
await published.close();
process.disconnect();
