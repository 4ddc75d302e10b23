// `npm run bench -- joins [--joins N] [--before B] [--services S] [--at-once K] [--json]`: hosts that join all at once, each with a token,
// its attestation, mTLS and the first push to its proxy: how many a second of the control plane's CPU, and how long its event loop stands.
import { parseArgs } from 'node:util';
import { wholeNumber } from '../whole-number.ts';
import { runJoins } from './run.ts';

export async function bench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      joins: { type: 'string', default: '1000' },
      services: { type: 'string', default: '250' },
      before: { type: 'string', default: '1000' },
      'at-once': { type: 'string', default: '64' },
      json: { type: 'boolean', default: false },
    },
  });
  const result = await runJoins({
    joins: wholeNumber('joins', values.joins),
    services: wholeNumber('services', values.services),
    before: wholeNumber('before', values.before),
    atOnce: wholeNumber('at-once', values['at-once']),
    say: (text) => void process.stderr.write(`${text}\n`),
  });
  if (values.json) return void process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  const { joins, failed, error, cpuMs, joinsASecondOfCpu, wallMs, loopMaxMs, loopP99Ms, rssMiB, totalMs } = result;
  const at = (part: number): string => (totalMs[Math.floor(totalMs.length * part)] ?? Number.NaN).toFixed(0);
  process.stdout.write(
    `${joins} joins, ${failed} failed${error === undefined ? '' : ` (${error})`}\n` +
      `${joinsASecondOfCpu.toFixed(0)} a second of CPU (${(cpuMs / joins).toFixed(2)} ms each); ${wallMs.toFixed(0)} ms in all\n` +
      `a join: median ${at(0.5)} ms, p99 ${at(0.99)} ms; event loop: p99 ${loopP99Ms.toFixed(1)} ms, max ` +
      `${loopMaxMs.toFixed(1)} ms; ${rssMiB.toFixed(0)} MiB\n`,
  );
}
