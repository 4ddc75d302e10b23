// As many proxies as one control plane of two cores is to carry, each with a connection of mutual TLS.
import { raceXds } from '../../../bench/xds/race.ts';
import type { Item } from '../item.ts';

const streams = 10_000;
const [mostMs, mostKiB] = [1000, 100];

export const tenThousandStreams: Item = {
  name: 'ten-thousand-streams',
  line: `${streams} streams with mutual TLS, their load on the same machine: all connect, and one RBAC change reaches all`,
  bound: `no error; the last has it in under ${mostMs} ms; at most ${mostKiB} KiB a stream`,
  async run({ work, progress }) {
    const { rows, errors } = await raceXds({
      ...{ folder: work, streams, rounds: 1, burst: 1, modes: ['delta'], secure: [true], only: ['cellwall'] },
      phases: ['cold', 'change:ECDS', 'change:ECDS', 'change:ECDS'],
      say: progress,
    });
    const samples = (name: string) => rows.flatMap(({ row, samples }) => (row === name ? samples : []));
    const [cold] = samples('cold');
    const changes = samples('change:ECDS');
    const lastMs = Math.max(...changes.map((one) => one.lastMs));
    const kibAStream = (cold?.grownKiB ?? Number.NaN) / streams;
    const all = changes.length === 3 && [cold, ...changes].every((one) => one?.seen === streams);
    return {
      ok: errors.length === 0 && all && lastMs < mostMs && kibAStream <= mostKiB,
      figures: {
        connected: cold?.seen ?? 0,
        coldMs: Math.round(cold?.lastMs ?? Number.NaN),
        coldCpuMs: Math.round(cold?.cpuMs ?? Number.NaN),
        changeLastMs: Math.round(lastMs),
        kibAStream: Math.round(kibAStream),
        group: cold?.group ?? '',
        ...(errors.length === 0 ? {} : { errors: errors.join('; ') }),
      },
    };
  },
};
