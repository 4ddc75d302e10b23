// How many times ahead of the peer this project's engine is, against what is promised.
import { median } from '../median.ts';
import type { Phase } from './contestant.ts';
import { contestantNames, type Race, type Row } from './race.ts';

export interface Ratio {
  /** Camel case, as a figure is named. */
  readonly name: string;
  /** The peer's median through ours: above 1, ours is ahead; NaN where a run lacks it. */
  readonly ahead: number;
  readonly least: number;
  /** What is aimed at, and not promised. */
  readonly aim?: true;
}

type Of = (phase: Phase) => number;
const time: Of = ({ lastMs }) => lastMs;
const cpu: Of = ({ cpuMs }) => cpuMs;
const memory: Of = ({ grownKiB }) => grownKiB;

interface Bound {
  readonly name: string;
  readonly row: string;
  readonly mode: Row['mode'];
  readonly secure?: true;
  readonly of: Of;
  readonly least: number;
  readonly aim?: true;
}

const bounds: readonly Bound[] = [
  { name: 'deltaChangeTime', row: 'change:ECDS', mode: 'delta', of: time, least: 1.3 },
  { name: 'deltaChangeCpu', row: 'change:ECDS', mode: 'delta', of: cpu, least: 2.5 },
  { name: 'sotwListenerTime', row: 'change:LDS', mode: 'sotw', of: time, least: 1.4 },
  { name: 'sotwListenerCpu', row: 'change:LDS', mode: 'sotw', of: cpu, least: 2.5 },
  { name: 'secretsTime', row: 'rotate', mode: 'delta', of: time, least: 1.3 },
  { name: 'secretsCpu', row: 'rotate', mode: 'delta', of: cpu, least: 2 },
  { name: 'coldDeltaTime', row: 'cold', mode: 'delta', of: time, least: 1.3 },
  { name: 'coldSotwTime', row: 'cold', mode: 'sotw', of: time, least: 1.3 },
  { name: 'burstDeltaTime', row: 'burst', mode: 'delta', of: time, least: 2 },
  { name: 'burstSotwTime', row: 'burst', mode: 'sotw', of: time, least: 2 },
  { name: 'memory', row: 'cold', mode: 'delta', of: memory, least: 4 },
  { name: 'memoryTls', row: 'cold', mode: 'delta', secure: true, of: memory, least: 1.5 },
  { name: 'coldDeltaTlsTime', row: 'cold', mode: 'delta', secure: true, of: time, least: 1, aim: true },
  { name: 'coldSotwTlsTime', row: 'cold', mode: 'sotw', secure: true, of: time, least: 1, aim: true },
];

export function ratiosOf({ rows }: Pick<Race, 'rows'>): readonly Ratio[] {
  const [ours, , theirs] = contestantNames;
  return bounds.map(({ name, row, mode, secure = false, of, least, aim }) => {
    const its = (contestant: string): number =>
      median(
        rows
          .filter((one) => one.contestant === contestant && one.row === row)
          .filter((one) => one.mode === mode && one.secure === secure)
          .flatMap(({ samples }) => samples.map(of)),
      ) ?? Number.NaN;
    return { name, ahead: its(theirs) / its(ours), least, ...(aim === undefined ? {} : { aim }) };
  });
}
