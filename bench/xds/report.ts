// What a race says, as a page: medians with the least and the most, a table a protocol and transport, and how many times ahead.
import { median } from '../median.ts';
import { spread } from '../spread.ts';
import type { Phase } from './contestant.ts';
import type { Race, Row } from './race.ts';

const titles: Readonly<Record<string, string>> = {
  cold: 'cold start of all',
  'change:ECDS': 'one RBAC filter (ECDS), to all',
  'change:LDS': 'one listener, to all',
  rotate: 'every secret rotated',
  burst: 'burst of listener changes',
  reconnect: 'all reconnect, nothing changed',
};

export function renderRace(race: Race): readonly string[] {
  const tables = (['delta', 'sotw'] as const).flatMap((mode) =>
    [false, true].flatMap((secure) => table(race, mode, secure)),
  );
  return [
    'A cell: milliseconds until the last stream has it / milliseconds of CPU of the server / responses a stream. Contestants: ' +
      '`cellwall` has the transport of `serve`, our own HTTP/2, and `cellwall-grpc-js` that of `--xds-transport grpc-js`;',
    '`go-control-plane` has linear caches for what is shared, behind a mux. The last columns: how many times `cellwall` is ahead of each ' +
      'of the others, in time and in CPU, and in memory.',
    '',
    ...tables,
  ];
}

function table(race: Race, mode: Row['mode'], secure: boolean): readonly string[] {
  const { contestants, rows, streams } = race;
  const find = (contestant: string, row: string): Row | undefined =>
    rows.find((one) => one.mode === mode && one.secure === secure && one.contestant === contestant && one.row === row);
  if (!rows.some((one) => one.mode === mode && one.secure === secure)) return [];
  const groups = new Set(
    rows.filter((one) => one.secure === secure).flatMap(({ samples }) => samples.map(({ group }) => group ?? '')),
  );
  const [first = '', ...others] = contestants;
  const ahead = (row: string, other: string, of: (phase: Phase) => number): string => {
    const [ours, theirs] = [find(first, row), find(other, row)].map((one) => median((one?.samples ?? []).map(of)));
    return ours === undefined || theirs === undefined ? '–' : `${(theirs / ours).toFixed(2)}x`;
  };
  const lines = Object.entries(titles).map(([row, title]) => [
    title,
    ...contestants.map((name) => cell(find(name, row), streams)),
    ...others.map((other) => {
      return `${ahead(row, other, ({ lastMs }) => lastMs)} / ${ahead(row, other, ({ cpuMs }) => cpuMs)}`;
    }),
  ]);
  const memory = contestants.map((name) =>
    spread((find(name, 'cold')?.samples ?? []).map(({ grownKiB }) => grownKiB / streams)),
  );
  const lighter = others.map((other) => ahead('cold', other, ({ grownKiB }) => grownKiB));
  const made = contestants.map((name) => counters(find(name, 'change:ECDS')));
  const columns = [...contestants, ...others.map((other) => `ahead of ${other}`)];
  return [
    `## ${mode}, ${secure ? `mutual TLS 1.3 (${[...groups].join(', ')})` : 'plaintext'}, ${streams} streams`,
    '',
    `| row | ${columns.join(' | ')} |`,
    `|---|${columns.map(() => '---|').join('')}`,
    ...[
      ...lines,
      ['KiB a stream after the cold start', ...memory, ...lighter],
      ['of one ECDS change: frames made, bytes copied', ...made, ...others.map(() => '–')],
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
