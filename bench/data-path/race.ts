// The data path in turns: two Cellwall sidecars and a bare pair of Envoys on the same machine, so that whatever else it does meets both.
import { type Paths, startBarePair } from './bare-pair.ts';
import { type Protocol, type Sample, startCalls } from './calls.ts';
import { type RuleCount, ruleCounts, startOurPaths } from './our-paths.ts';

export interface DataPathOptions {
  readonly folder: string;
  readonly rounds: number;
  /** Of what is measured, those whose names begin so. Default: all. */
  readonly only?: readonly string[];
  readonly say: (text: string) => void;
}

/** A figure of both, a sample a round. */
export interface DataPathRow {
  readonly protocol: Protocol;
  readonly what: Measure;
  readonly unit: string;
  readonly ours: readonly number[];
  readonly bare: readonly number[];
}

export interface RulesRow {
  readonly rules: RuleCount;
  /** One call after the other on one connection. */
  readonly p50Us: readonly number[];
}

export interface DataPath {
  readonly rounds: number;
  readonly rows: readonly DataPathRow[];
  readonly rules: readonly RulesRow[];
  readonly errors: readonly string[];
}

export type Measure = 'saturation' | 'p50' | 'p99' | 'upload' | 'download';
const units: Readonly<Record<Measure, string>> = {
  saturation: 'calls/s',
  p50: 'µs at 1,000/s',
  p99: 'µs at 1,000/s',
  upload: 'MiB/s',
  download: 'MiB/s',
};
const body = String(32 * 1024 * 1024);
const runs = [
  {
    name: 'saturation',
    args: { http1: ['-connections', '16', '-for', '3s'], grpc: ['-connections', '4', '-streams', '16', '-for', '3s'] },
    figures: { saturation: ({ rps }: Sample) => rps },
  },
  {
    name: 'rate',
    args: {
      http1: ['-connections', '8', '-rate', '1000', '-for', '3s'],
      grpc: ['-connections', '2', '-streams', '50', '-rate', '1000', '-for', '3s'],
    },
    figures: { p50: ({ p50Us }: Sample) => p50Us, p99: ({ p99Us }: Sample) => p99Us },
  },
  ...(['up', 'down'] as const).map((way) => ({
    name: `${way}load`,
    args: {
      http1: [`-${way}`, body, '-connections', '1', '-for', '1s'],
      grpc: [`-${way}`, body, '-connections', '1', '-for', '1s'],
    },
    figures: { [`${way}load`]: ({ mibPerS }: Sample) => mibPerS },
  })),
];

export async function raceDataPath({ folder, rounds, only, say }: DataPathOptions): Promise<DataPath> {
  const calls = await startCalls(folder);
  const closers: (() => void | Promise<void>)[] = [() => calls.stop()];
  const rows = new Map<string, DataPathRow & { ours: number[]; bare: number[] }>();
  const rules = ruleCounts.map((count) => ({ rules: count, p50Us: [] as number[] }));
  const errors = new Set<string>();
  const wanted = (name: string): boolean => only === undefined || only.some((beginning) => name.startsWith(beginning));
  const call = async (what: string, port: number, protocol: Protocol, args: readonly string[]): Promise<Sample> => {
    const sample = await calls.call(port, protocol, ...args);
    if (sample.failed > 0) errors.add(`${what}: ${sample.failed} failed: ${sample.error}`);
    return sample;
  };
  try {
    const bare = await startBarePair(calls.application);
    closers.push(() => bare.stop());
    const ours = await startOurPaths(folder, calls.application);
    closers.push(() => ours.stop());
    const contestants = { ours, bare } satisfies Record<string, Pick<Paths, 'ports'>>;
    const http1 = [...Object.values(ours.withRules), bare.ports.http1];
    // Connections between sidecars are there, and what is made with the first call.
    for (const port of http1) await calls.call(port, 'http1', '-for', '200ms');
    for (const port of [ours.ports.grpc, bare.ports.grpc]) await calls.call(port, 'grpc', '-for', '200ms');
    for (let round = 1; round <= rounds; round++) {
      for (const protocol of ['http1', 'grpc'] as const) {
        for (const { name, args, figures } of runs.filter((run) => wanted(run.name))) {
          say(`round ${round} of ${rounds}: ${protocol}, ${name}`);
          for (const who of ['ours', 'bare'] as const) {
            const port = contestants[who].ports[protocol];
            const sample = await call(`${who}, ${protocol}, ${name}`, port, protocol, args[protocol]);
            for (const [what, of] of Object.entries(figures) as [Measure, (sample: Sample) => number][]) {
              const key = `${protocol} ${what}`;
              const row = rows.get(key) ?? { protocol, what, unit: units[what], ours: [], bare: [] };
              rows.set(key, row);
              row[who].push(of(sample));
            }
          }
        }
      }
      if (!wanted('rules')) continue;
      // Shorter, and more often: what is asked for is tens of microseconds.
      say(`round ${round} of ${rounds}: rules`);
      for (let turn = 0; turn < 5; turn++) {
        for (const row of rules) {
          const port = ours.withRules[row.rules];
          const sample = await call(`${row.rules} rules`, port, 'http1', ['-connections', '1', '-for', '400ms']);
          row.p50Us.push(sample.p50Us);
        }
      }
    }
  } finally {
    for (const close of closers.toReversed()) await close();
  }
  return { rounds, rows: [...rows.values()], rules, errors: [...errors] };
}
