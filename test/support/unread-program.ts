// A process that runs command lines, one after the other, as main.ts does, with an output that nobody reads: CELLWALL_LINES has them as
// JSON. Its last line on stderr says with what each ended.
import { neverAStack } from '../../src/cli/never-a-stack.ts';
import { createProgram } from '../../src/cli/program.ts';
import { listenToSignals } from '../../src/cli/signals.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { shortRuns } from './short-runs.ts';

neverAStack(process);
const lines: readonly (readonly string[])[] = JSON.parse(process.env['CELLWALL_LINES'] ?? '[]');
const { stdout, stderr, stdin, env } = process;
const run = { ...shortRuns, keepSvid: async () => 0 as const };
const io = { stdout, stderr, stdin, env, clock: systemClock, version: '9.9.9', run };
const more = { signals: () => listenToSignals(process), useLogFormat: () => {} };
const codes: number[] = [];
for (const line of lines) {
  codes.push(await createProgram({ ...io, ...more }).run(line));
}
stderr.write(`${JSON.stringify(codes)}\n`);
