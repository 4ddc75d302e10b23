// `npm run bench -- NAME …`: each bench is a file of its own, which says what its options are.
import { wrong } from './wrong.ts';

const benches: Readonly<Record<string, () => Promise<{ readonly bench: (args: readonly string[]) => Promise<void> }>>> =
  {
    'data-path': () => import('./data-path/bench.ts'),
    issuance: () => import('./issuance/bench.ts'),
    joins: () => import('./joins/bench.ts'),
    xds: () => import('./xds/bench.ts'),
  };

const [name = '', ...args] = process.argv.slice(2);
const load = Object.hasOwn(benches, name) ? benches[name] : undefined;
if (load === undefined) wrong(`what can be measured: ${Object.keys(benches).join(', ')}`);
const { bench } = await load();
await bench(args);
