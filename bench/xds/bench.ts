// The xDS engine, over both of its transports, against go-control-plane, one after the other in turns on the same machine. The load
// generator and the peer are Go programs, built first; without Go there is no race.
import type { Bench } from '../bench.ts';
import { contestantNames, raceXds } from './race.ts';
import { renderRace } from './report.ts';

const modes = ['delta', 'sotw'] as const;
const [plaintext, mtls] = ['plaintext', 'mtls'];

export const xdsBench: Bench = {
  name: 'xds',
  about:
    'The xDS engine (cache, streams, transport) against go-control-plane, a connection and an ADS stream for each proxy: a cold start, ' +
    'changes, rotated secrets, a burst of changes, all that reconnect with nothing changed, memory',
  numbers: {
    rounds: { usual: 3, short: 1 },
    streams: { usual: 300, short: 50 },
    burst: { usual: 40, short: 10 },
  },
  choices: [modes, [plaintext, mtls], contestantNames],
  async run({ folder, number, wants, say }) {
    const race = await raceXds({
      ...{ folder, say, streams: number('streams'), rounds: number('rounds'), burst: number('burst') },
      modes: modes.filter(wants),
      secure: [...(wants(plaintext) ? [false] : []), ...(wants(mtls) ? [true] : [])],
      only: contestantNames.filter(wants),
    });
    return { lines: renderRace(race), charts: {}, data: race, errors: race.errors };
  },
};
