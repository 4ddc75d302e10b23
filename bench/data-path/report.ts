// What the race of data paths says, as tables: medians with the least and the most.
import { median } from '../median.ts';
import { spread } from '../spread.ts';
import type { DataPath } from './race.ts';

export function renderDataPath({ rounds, rows, rules, errors }: DataPath): string {
  const none = middle(rules.find((row) => row.rules === 0)?.p50Us ?? []);
  return [
    `## The data path, ${rounds} rounds: two sidecars with a control plane against a bare pair of Envoys with mutual TLS`,
    '',
    ...(errors.length === 0
      ? []
      : ['**Errors, so that the figures say nothing:**', ...errors.map((one) => `- ${one}`), '']),
    '| | two sidecars | bare pair | ratio |',
    '|---|---|---|---|',
    ...rows.map(({ protocol, what, unit, ours, bare }) => {
      const ratio = middle(ours) / middle(bare);
      return `| ${protocol}, ${what}, ${unit} | ${spread(ours)} | ${spread(bare)} | ${ratio.toFixed(2)} |`;
    }),
    '',
    '| allow rules of the service | µs a call, one after the other | more than without |',
    '|---|---|---|',
    ...rules.map((row) => `| ${row.rules} | ${spread(row.p50Us)} | ${(middle(row.p50Us) - none).toFixed(0)} |`),
    '',
  ].join('\n');
}

function middle(values: readonly number[]): number {
  return median(values) ?? Number.NaN;
}
