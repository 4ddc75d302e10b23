// `npm run bench -- xds [--streams N] [--rounds R] [--burst B] [--mode delta --mode sotw] [--plaintext-only] [--only ours] [--json]`: races
// this project's xDS engine against go-control-plane, one after the other in turns on the same machine, and says medians and spread.
// The load generator and the peer are Go programs, built first; without Go there is no race. `--write` puts docs/performance.md.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { renderPerformance } from '../report.ts';
import { wholeNumber } from '../whole-number.ts';
import { wrong } from '../wrong.ts';
import { raceXds } from './race.ts';

const root = join(import.meta.dirname, '../..');

export async function bench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      streams: { type: 'string', default: '300' },
      rounds: { type: 'string', default: '3' },
      burst: { type: 'string', default: '40' },
      mode: { type: 'string', multiple: true, default: ['delta', 'sotw'] },
      only: { type: 'string', multiple: true },
      'plaintext-only': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
    },
  });
  const modes = values.mode.map((mode) =>
    mode === 'delta' || mode === 'sotw' ? mode : wrong(`no such mode: ${mode}`),
  );

  const folder = mkdtempSync(join(tmpdir(), 'cellwall-bench-'));
  try {
    const result = {
      machine: `${cpus().length} × ${cpus()[0]?.model ?? process.arch}, Node ${process.versions.node}`,
      date: new Date().toISOString().slice(0, 10),
      ...(await raceXds({
        folder,
        streams: wholeNumber('streams', values.streams),
        rounds: wholeNumber('rounds', values.rounds),
        burst: wholeNumber('burst', values.burst),
        modes,
        secure: values['plaintext-only'] ? [false] : [false, true],
        ...(values.only === undefined ? {} : { only: values.only }),
        say: (text) => void process.stderr.write(`${text}\n`),
      })),
    };
    const page = renderPerformance(result);
    if (values.write) writeFileSync(join(root, 'docs/performance.md'), page);
    process.stdout.write(values.json ? `${JSON.stringify(result, null, 2)}\n` : page);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
