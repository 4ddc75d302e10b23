// Hosts that join all at once, each with a token, its attestation, mTLS and the first push to its proxy: how many a second of the control
// plane's CPU, how long its event loop stands, and what a change to another proxy has to wait meanwhile.
import type { Bench } from '../bench.ts';
import { spread } from '../spread.ts';
import { type JoinsResult, runJoins } from './run.ts';

export const joinsBench: Bench = {
  name: 'joins',
  about:
    'Hosts that join all at once, each with a join token, its attestation, a connection over mTLS and its first configuration: what ' +
    'that costs a whole control plane, and what a change to another proxy has to wait meanwhile',
  numbers: {
    rounds: { usual: 3, short: 1 },
    joins: { usual: 1000, short: 100 },
    services: { usual: 250, short: 20 },
    before: { usual: 1000, short: 50 },
    'at-once': { usual: 64, short: 16 },
  },
  choices: [],
  async run({ number, say }) {
    const results: JoinsResult[] = [];
    for (let round = 1; round <= number('rounds'); round += 1) {
      say(`round ${round} of ${number('rounds')}`);
      const [joins, services, before] = [number('joins'), number('services'), number('before')];
      results.push(await runJoins({ joins, services, before, atOnce: number('at-once'), pushes: true, say }));
    }
    const at = (values: readonly number[], part: number): number =>
      values[Math.floor(values.length * part)] ?? Number.NaN;
    const each = (of: (result: JoinsResult) => number): string => spread(results.map(of));
    const rows = [
      ['joins a second of CPU, all threads', each(({ joinsASecondOfCpu }) => joinsASecondOfCpu)],
      ['a join: median, ms', each(({ totalMs }) => at(totalMs, 0.5))],
      ['a join: p99, ms', each(({ totalMs }) => at(totalMs, 0.99))],
      ['event loop: p99, ms', each(({ loopP99Ms }) => loopP99Ms)],
      ['event loop: longest turn, ms', each(({ loopMaxMs }) => loopMaxMs)],
      ['a change to a proxy, nobody joining: median, ms', each(({ quietPushMs }) => at(quietPushMs, 0.5))],
      ['a change to a proxy while they join: median, ms', each(({ stormPushMs }) => at(stormPushMs, 0.5))],
      ['a change to a proxy while they join: slowest, ms', each(({ stormPushMs }) => stormPushMs.at(-1) ?? Number.NaN)],
      ['resident at the end, MiB', each(({ rssMiB }) => rssMiB)],
    ];
    return {
      lines: ['| | |', '|---|---|', ...rows.map((cells) => `| ${cells.join(' | ')} |`), ''],
      charts: {},
      data: results,
      errors: results.flatMap(({ failed, error }) => (failed === 0 ? [] : [`${failed} joins failed: ${error}`])),
    };
  },
};
