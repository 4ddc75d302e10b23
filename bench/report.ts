// What a race says, as a page: medians with the least and the most, a table a protocol and transport, and how many times ahead.
import { median } from './median.ts';
import { spread } from './spread.ts';
import type { Phase } from './xds/contestant.ts';
import type { Race, Row } from './xds/race.ts';

export interface Report extends Race {
  readonly machine: string;
  readonly date: string;
}

const titles: Readonly<Record<string, string>> = {
  cold: 'cold start of all',
  'change:ECDS': 'one RBAC filter (ECDS), to all',
  'change:LDS': 'one listener, to all',
  rotate: 'every secret rotated',
  burst: 'burst of listener changes',
  reconnect: 'all reconnect, nothing changed',
};

export function renderPerformance(report: Report): string {
  const { streams, rounds, burst, contestants, machine, date, errors } = report;
  const tables = (['delta', 'sotw'] as const).flatMap((mode) =>
    [false, true].flatMap((secure) => table(report, mode, secure)),
  );
  return [
    '# Performance of the xDS engine',
    '',
    `Written by \`npm run bench -- xds --streams ${streams} --rounds ${rounds} --burst ${burst} --write\` ` +
      `(${date}; ${machine}). The load generator and the peer are Go programs`,
    '(`bench/load`, `bench/peer`); servers take turns on the same cores, which they share with the load. Every ' +
      'proxy has a connection and an ADS stream of its own.',
    `Contestants: ${contestants.join(', ')} (go-control-plane 0.14: linear caches for what is shared, behind a ` +
      'mux). A cell is the median (least–most) of its samples: milliseconds until the',
    'last stream has it / milliseconds of CPU of the server / responses a stream.',
    '',
    ...(errors.length === 0
      ? []
      : ['**Errors, so that the figures say nothing:**', ...errors.map((error) => `- ${error}`), '']),
    ...tables,
  ].join('\n');
}

function table(report: Report, mode: Row['mode'], secure: boolean): readonly string[] {
  const { contestants, rows, streams } = report;
  const find = (contestant: string, row: string): Row | undefined =>
    rows.find((one) => one.mode === mode && one.secure === secure && one.contestant === contestant && one.row === row);
  if (!rows.some((one) => one.mode === mode && one.secure === secure)) return [];
  const groups = new Set(
    rows.filter((one) => one.secure === secure).flatMap(({ samples }) => samples.map(({ group }) => group ?? '')),
  );
  const first = contestants[0] ?? '';
  const last = contestants.at(-1) ?? '';
  const lines = Object.entries(titles).map(([row, title]) => {
    const cells = contestants.map((name) => cell(find(name, row), streams));
    const ahead = (of: (phase: Phase) => number): string => {
      const [ours, theirs] = [find(first, row), find(last, row)].map((one) => median((one?.samples ?? []).map(of)));
      return ours === undefined || theirs === undefined ? '–' : `${(theirs / ours).toFixed(2)}x`;
    };
    return [title, ...cells, `${ahead(({ lastMs }) => lastMs)} / ${ahead(({ cpuMs }) => cpuMs)}`];
  });
  const memory = contestants.map((name) =>
    spread((find(name, 'cold')?.samples ?? []).map(({ grownKiB }) => grownKiB / streams)),
  );
  const made = contestants.map((name) => counters(find(name, 'change:ECDS')));
  return [
    `## ${mode}, ${secure ? `mutual TLS 1.3 (${[...groups].join(', ')})` : 'plaintext'}, ${streams} streams`,
    '',
    `| row | ${contestants.join(' | ')} | ahead: time / CPU |`,
    `|---|${contestants.map(() => '---|').join('')}---|`,
    ...[
      ...lines,
      ['KiB a stream after the cold start', ...memory, '–'],
      ['of one ECDS change: frames made, bytes copied', ...made, '–'],
    ].map((cells) => `| ${cells.join(' | ')} |`),
    '',
  ];
}

function cell(row: Row | undefined, streams: number): string {
  if (row === undefined) return '–';
  const { samples } = row;
  const responses = median(samples.map((sample) => sample.responses / streams)) ?? 0;
  return `${spread(samples.map(({ lastMs }) => lastMs))} / ${spread(samples.map(({ cpuMs }) => cpuMs))} / ${responses.toFixed(1)}`;
}

function counters(row: Row | undefined): string {
  const grown = (name: string): number | undefined =>
    median(
      (row?.samples ?? []).map(({ before, after }) => (after?.[name] ?? Number.NaN) - (before?.[name] ?? Number.NaN)),
    );
  const [frames, copied] = [grown('framesMade'), grown('bytesCopied')];
  return frames === undefined || Number.isNaN(frames) ? '–' : `${frames}, ${copied}`;
}
