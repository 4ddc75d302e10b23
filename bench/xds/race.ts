// The race of xDS servers: the same work, in turns, so that whatever else the machine does meets all of them.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createTestCa } from '../../test/support/test-ca.ts';
import { flagsOfServe } from '../flags-of-serve.ts';
import { type Contestant, type Phase, run } from './contestant.ts';
import { writeWorkload } from './workload.ts';

export interface RaceOptions {
  readonly folder: string;
  readonly streams: number;
  readonly rounds: number;
  readonly burst: number;
  readonly modes: readonly ('delta' | 'sotw')[];
  readonly secure: readonly boolean[];
  /** Names of contestants. Default: those of `contestantNames`. */
  readonly only?: readonly string[];
  /** What each run goes through (`load` says what there is). Default: a cold start, each change three times, a burst, a reconnect. */
  readonly phases?: readonly string[];
  readonly say: (text: string) => void;
}

/** One row of one contestant: every sample, in the order in which it was taken. */
export interface Row {
  readonly mode: 'delta' | 'sotw';
  readonly secure: boolean;
  readonly contestant: string;
  readonly row: string;
  readonly samples: readonly Phase[];
}

export interface Race {
  readonly streams: number;
  readonly rounds: number;
  readonly burst: number;
  readonly contestants: readonly string[];
  readonly rows: readonly Row[];
  /** What went wrong in any of them; empty, or the race says nothing. */
  readonly errors: readonly string[];
}

/** Ours first, then our other transport, the peer last. */
export const contestantNames = ['cellwall', 'cellwall-grpc-js', 'go-control-plane'] as const;

const bench = join(import.meta.dirname, '..');

export async function raceXds(options: RaceOptions): Promise<Race> {
  const { folder, streams, rounds, burst, modes, secure, only = contestantNames, say } = options;
  const load = build('load', folder);
  const workload = join(folder, 'workload.json');
  writeWorkload(workload);
  await writeCertificates(folder);
  const ours = (name: string, transport: string): Contestant => ({
    name,
    command: process.execPath,
    args: ({ tls }) => [
      ...flagsOfServe,
      join(bench, 'xds/server.ts'),
      ...['--workload', workload, '--nodes', String(streams), '--transport', transport],
      ...(tls === undefined ? [] : ['--tls', tls]),
    ],
  });
  const all: readonly Contestant[] = [
    ours('cellwall', 'http2'),
    ours('cellwall-grpc-js', 'grpc-js'),
    {
      name: 'go-control-plane',
      command: only.includes('go-control-plane') ? build('peer', folder) : '',
      args: ({ tls }) => [
        ...['-workload', workload, '-nodes', String(streams)],
        ...(tls === undefined ? [] : ['-tls', tls]),
      ],
    },
  ];
  const contestants = all.filter(({ name }) => only.includes(name));
  const changes = ['change:ECDS', 'change:LDS', 'rotate'];
  const usual = ['cold', ...changes, ...changes, ...changes, `burst:LDS:${burst}`, 'reconnect'];
  const { phases = usual } = options;
  const rows = new Map<string, Row & { samples: Phase[] }>();
  const errors = new Set<string>();
  for (let round = 1; round <= rounds; round++) {
    for (const tls of secure) {
      for (const mode of modes) {
        for (const contestant of contestants) {
          say(`round ${round} of ${rounds}: ${mode}, ${tls ? 'mTLS' : 'plaintext'}, ${contestant.name}`);
          const setup = { workload, streams, mode, tls: tls ? folder : undefined };
          for (const sample of await run(contestant, setup, load, phases)) {
            const { phase, lastMs, cpuMs, grownKiB } = sample;
            say(
              `  ${phase}: ${lastMs.toFixed(0)} ms, CPU ${cpuMs.toFixed(0)} ms, ${(grownKiB / streams).toFixed(1)} KiB a stream more`,
            );
            const row = sample.phase.startsWith('burst') ? 'burst' : sample.phase;
            const key = [mode, tls, contestant.name, row].join();
            const its = rows.get(key) ?? { mode, secure: tls, contestant: contestant.name, row, samples: [] };
            rows.set(key, its);
            its.samples.push(sample);
            for (const error of sample.errors ?? []) errors.add(`${contestant.name}, ${sample.phase}: ${error}`);
          }
        }
      }
    }
  }
  const names = contestants.map(({ name }) => name);
  return { streams, rounds, burst, contestants: names, rows: [...rows.values()], errors: [...errors] };
}

function build(what: string, folder: string): string {
  const command = join(folder, what);
  execFileSync('go', ['build', '-o', command, '.'], { cwd: join(bench, what), stdio: 'inherit' });
  return command;
}

/** One client certificate for all: what differs between them costs a server nothing here. */
async function writeCertificates(folder: string): Promise<void> {
  const ca = await createTestCa('bench');
  const server = await ca.issue({ ip: ['127.0.0.1'] });
  const client = await ca.issue({ uri: 'spiffe://mesh.example/bench' });
  writeFileSync(join(folder, 'ca.pem'), ca.root);
  for (const [name, { certificate, key }] of Object.entries({ server, client })) {
    writeFileSync(join(folder, `${name}.pem`), certificate);
    writeFileSync(join(folder, `${name}-key.pem`), key, { mode: 0o600 });
  }
}
