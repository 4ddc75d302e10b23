// One policy is edited in a deployment of a size: the pipeline from the document's text to what streams are handed, in this process.
import { measureEdits } from '../../test/qualification/performance/support/measure-edits.ts';
import type { Bench } from '../bench.ts';

const what: Readonly<Record<string, string>> = {
  firstMs: 'an edited policy: its text to the first proxy that is handed what is new, ms',
  lastMs: 'to the last proxy, ms',
  worstMs: 'the slowest edit, to its last proxy, ms',
  translations: 'translations an edit',
  resolves: 'resolves an edit',
  documents: 'documents resolved an edit',
  parsed: 'files parsed an edit',
  publishedMs: 'first publication, until every proxy has something, ms',
  longestTurnMs: 'longest turn of the event loop meanwhile, ms',
};

export const editBench: Bench = {
  name: 'edit',
  about:
    'One policy is edited in a large deployment: services of 10 dependencies and two policies each, as many proxies (1,000 at most), ' +
    'all in one process',
  numbers: { rounds: { usual: 25, short: 3 }, services: { usual: 1000, short: 100 } },
  choices: [],
  async run({ folder, number, say }) {
    const scale = { services: number('services'), dependencies: 10 };
    const context = { work: folder, progress: say };
    const edited = await measureEdits(context, { scale, maxProxies: 1000, edits: number('rounds') });
    const rows = Object.entries(edited).map(
      ([name, value]) => `| ${what[name] ?? name} | ${Math.round(value * 10) / 10} |`,
    );
    return {
      lines: [`| ${scale.services} services | |`, '|---|---|', ...rows, ''],
      charts: {},
      data: edited,
      errors: [],
    };
  },
};
