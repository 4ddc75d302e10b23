// Calls through two sidecars, against a bare pair of Envoys with mutual TLS in the same run; and what many rules add to one.
import { type DataPathRow, raceDataPath } from '../../../bench/data-path/race.ts';
import { median } from '../../../bench/median.ts';
import type { Context, Item, Outcome } from '../item.ts';

const rounds = 5;
const leastThroughput = 0.85;
const mostLatency = 1.1;
const mostUs = { 500: 50, 5000: 200 } as const;

export const dataPathItem: Item = {
  name: 'data-path',
  line: 'two sidecars with a control plane, in turns with a bare pair of Envoys with mutual TLS (`npm run bench -- data-path`)',
  bound: `HTTP/1.1 and gRPC: at saturation ≥ ${leastThroughput}x of the calls; at 1,000 a second p50 and p99 ≤ ${mostLatency}x`,
  async run(context) {
    const { rows, errors } = await race(context, ['saturation', 'rate']);
    const figures: Record<string, number | string> = {};
    let ok = errors.length === 0;
    for (const row of rows) {
      const ratio = ratioOf(row);
      figures[`${row.protocol} ${row.what} ours, bare, ${row.unit}`] = [row.ours, row.bare]
        .map((samples) => (median(samples) ?? Number.NaN).toFixed(0))
        .join(', ');
      figures[`${row.protocol} ${row.what} x`] = Number(ratio.toFixed(2));
      ok &&= row.what === 'saturation' ? ratio >= leastThroughput : ratio <= mostLatency;
    }
    return outcome(ok && rows.length === 6, figures, errors);
  },
};

export const manyRulesItem: Item = {
  name: 'many-rules',
  line: 'a call to a service with 500, and with 5,000 allow rules of which the last allows it, against one with that rule alone',
  bound: `more a call: ≤ ${mostUs[500]} µs with 500, ≤ ${mostUs[5000]} µs with 5,000`,
  async run(context) {
    const { rules, errors } = await race(context, ['rules']);
    const p50 = new Map(rules.map((row) => [row.rules, median(row.p50Us) ?? Number.NaN]));
    const alone = p50.get(0) ?? Number.NaN;
    const more = { 500: (p50.get(500) ?? Number.NaN) - alone, 5000: (p50.get(5000) ?? Number.NaN) - alone };
    const figures = {
      aloneUs: Math.round(alone),
      moreWith500Us: Math.round(more[500]),
      moreWith5000Us: Math.round(more[5000]),
    };
    return outcome(more[500] <= mostUs[500] && more[5000] <= mostUs[5000], figures, errors);
  },
};

function race({ work, progress }: Context, only: readonly string[]) {
  return raceDataPath({ folder: work, rounds, only, say: progress });
}

function ratioOf({ ours, bare }: DataPathRow): number {
  return (median(ours) ?? Number.NaN) / (median(bare) ?? Number.NaN);
}

function outcome(ok: boolean, figures: Outcome['figures'], errors: readonly string[]): Outcome {
  return { ok: ok && errors.length === 0, figures: { ...figures, ...(errors[0] && { error: errors[0] }) } };
}
