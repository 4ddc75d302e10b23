// The README's test command, twice in a row, in a fresh clone.
import { join } from 'node:path';
import type { Item } from '../item.ts';
import { cleanEnvironment } from '../support/clean-environment.ts';
import { output, run, tail } from '../support/command.ts';

const limitSeconds = 600;

export const npmCit: Item = {
  name: 'npm-cit',
  line: '`npm cit` passes on a fresh clone, twice in a row',
  bound: `each ≤ ${limitSeconds} s`,
  async run({ root, work, progress }) {
    const clone = join(work, 'clone');
    await output('git', ['clone', '--quiet', root, clone], { cwd: work });
    const env = { ...cleanEnvironment({ home: join(work, 'home') }), NO_COLOR: '1' };
    const seconds: number[] = [];
    for (const which of ['first', 'second']) {
      const ended = await run('npm', ['cit'], { cwd: clone, env, timeoutMs: 2 * limitSeconds * 1000 });
      seconds.push(Math.round(ended.ms / 1000));
      progress(`${which} run: exit ${ended.code} after ${seconds.at(-1)} s`);
      if (ended.code === 0) continue;
      const said = ended.stdout + ended.stderr;
      const failed = [...said.matchAll(/^ *FAIL +(.+)$/gm)].map(([, test]) => test);
      return { ok: false, figures: { error: `exit ${ended.code}: ${failed.join('; ') || tail(said)}` } };
    }
    const [firstS = Number.NaN, secondS = Number.NaN] = seconds;
    return { ok: firstS <= limitSeconds && secondS <= limitSeconds, figures: { firstS, secondS } };
  },
};
