// `npm run bench -- data-path [--rounds R] [--only saturation|rate|upload|download|rules] [--json]`: calls through two sidecars with a
// control plane, and through a bare pair of Envoys with mutual TLS, in turns; and what many rules add to a call. Go builds the load.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { wholeNumber } from '../whole-number.ts';
import { raceDataPath } from './race.ts';
import { renderDataPath } from './report.ts';

export async function bench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '3' },
      only: { type: 'string', multiple: true },
      json: { type: 'boolean', default: false },
    },
  });
  const folder = mkdtempSync(join(tmpdir(), 'cellwall-bench-'));
  try {
    const result = await raceDataPath({
      folder,
      rounds: wholeNumber('rounds', values.rounds),
      say: (text) => void process.stderr.write(`${text}\n`),
      ...(values.only === undefined ? {} : { only: values.only }),
    });
    process.stdout.write(values.json ? `${JSON.stringify(result, null, 2)}\n` : renderDataPath(result));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
