// The whole of the tests, with every key and token that they make looked for in all that they say (test/support/canary/).
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Item } from '../item.ts';
import { run, tail } from '../support/command.ts';

const suites = { unit: 'vitest.config.ts', system: 'test/system/vitest.config.ts' } as const;
const limitMinutes = 40;
const leastSecrets = 1000;
const leastOutputs = 10_000;

const verdictShape = z.object({
  secrets: z.number(),
  outputs: z.number(),
  bytes: z.number(),
  cut: z.number(),
  found: z.array(z.string()),
  unused: z.array(z.string()),
  isWhole: z.boolean(),
});

export const canaryRunItem: Item = {
  name: 'canary-run',
  line:
    'No key and no token that any test creates appears in anything that a process or a test of the whole run ' +
    'outputs, except where it belongs by design, which is a closed list',
  bound: `0 found, of ${leastSecrets} secrets at least in ${leastOutputs} outputs at least; no entry of the list without use`,
  async run({ root, work, progress }) {
    // Each suite is watched as in CI, not left alone as what is measured.
    const { CELLWALL_QUALIFY: _, ...env } = process.env;
    let [secrets, outputs, bytes, cut, found, unused] = [0, 0, 0, 0, 0, 0];
    for (const [suite, config] of Object.entries(suites)) {
      const report = join(work, `${suite}.json`);
      const ended = await run('npx', ['vitest', 'run', '--config', config], {
        cwd: root,
        env: { ...env, CELLWALL_CANARY: '1', CELLWALL_TEST_REPORT: report },
        timeoutMs: limitMinutes * 60_000,
      });
      const file = join(work, `${suite}-canary.json`);
      if (!existsSync(file)) return { ok: false, figures: { error: tail(ended.stderr || ended.stdout) } };
      const verdict = verdictShape.parse(JSON.parse(readFileSync(file, 'utf8')));
      for (const place of verdict.found) progress(`found: ${place}`);
      secrets += verdict.secrets;
      outputs += verdict.outputs;
      bytes += verdict.bytes;
      cut += verdict.cut;
      found += verdict.found.length;
      // Judged only where every test passed.
      if (verdict.isWhole) unused += verdict.unused.length;
    }
    return {
      ok: found === 0 && unused === 0 && secrets >= leastSecrets && outputs >= leastOutputs,
      figures: { secrets, outputs, mebibytes: Math.round(bytes / 1024 / 1024), cut, found, unusedExceptions: unused },
    };
  },
};
