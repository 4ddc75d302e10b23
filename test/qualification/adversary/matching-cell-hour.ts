// Interleaved calls of ten cells for an hour (`CELLWALL_HOUR_SECONDS`) and a million calls at least, half of it on one worker thread and
// half on four: decisions, memory, speed.
import { claimsLoad } from '../../support/claims-load.ts';
import { startClaimsWall } from '../../support/claims-wall.ts';
import type { Item } from '../item.ts';
import { memoryOf } from '../support/memory.ts';

const hourMs = Number(process.env['CELLWALL_HOUR_SECONDS'] ?? 3600) * 1000;
const leastCalls = Math.min(1_000_000, (hourMs / 1000) * 250);
const maxGrowth = 1.2;
const ruleChangeMs = 500;
/** Of each half: until then caches fill and connections are made. */
const warmShare = 0.2;

export const matchingCellHour: Item = {
  name: 'matching-cell-hour',
  line:
    'calls from 10 cells about their own and each other, interleaved at random on shared and own connections, rules ' +
    'changing twice a second, --concurrency 1 and 4, for an hour (CELLWALL_HOUR_SECONDS)',
  bound:
    `${leastCalls} calls at least: not one wrong decision, no crash, Envoy's memory flat within ` +
    `${Math.round((maxGrowth - 1) * 100)} %`,
  async run({ progress, defer }) {
    const figures: Record<string, number | string> = {};
    let ok = true;
    for (const concurrency of [1, 4]) {
      const wall = await startClaimsWall(concurrency);
      defer(() => wall.stop());
      const { pid } = wall.proxy.envoy;
      const started = performance.now();
      let warmMiB: number | undefined;
      let told = started;
      const outcome = await claimsLoad(wall, {
        seed: Date.now(),
        ruleChangeMs,
        more(made) {
          const now = performance.now();
          const ended = wall.proxy.envoy.ended();
          if (ended !== undefined) return false;
          if (warmMiB === undefined && now - started > (hourMs / 2) * warmShare) warmMiB = memoryOf(pid).pssMiB;
          if (now - told > 60_000) {
            told = now;
            progress(`--concurrency ${concurrency}: ${made} calls in ${Math.round((now - started) / 1000)} s`);
          }
          return now - started < hourMs / 2 || made < leastCalls / 2;
        },
      });
      const ended = wall.proxy.envoy.ended();
      const lastMiB = ended === undefined ? memoryOf(pid).pssMiB : 0;
      const growth = Math.round((lastMiB / (warmMiB ?? 1)) * 100) / 100;
      const { own, others } = wall.arrived;
      ok &&= outcome.wrong === 0 && outcome.passed > 0 && outcome.refused > 0 && others === 0 && own >= outcome.passed;
      ok &&= ended === undefined && growth <= maxGrowth && wall.proxy.ads.nacks.length === 0;
      const name = (figure: string): string => `${figure}Concurrency${concurrency}`;
      figures[name('calls')] = outcome.calls;
      figures[name('wrong')] = outcome.wrong + others;
      figures[name('lost')] = outcome.lost;
      figures[name('callsASecond')] = Math.round(outcome.calls / outcome.seconds);
      figures[name('ruleChanges')] = wall.ruleChanges;
      figures[name('ended')] = ended ?? 'runs';
      figures[name('warmMiB')] = warmMiB ?? 0;
      figures[name('lastMiB')] = lastMiB;
      await wall.stop();
    }
    return { ok, figures };
  },
};
