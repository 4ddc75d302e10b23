// What was away comes back: outages, ports, names that collide, clocks, and the gate that waits for them.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const returnItems: readonly Item[] = [
  fromTests({
    name: 'outages',
    line: 'A control plane that was away longer than every SVID and join token lived: calls go through again in the same processes',
    bound: 'within 10 s of its return, four times in a row; the helpers say as an error that calls fail',
    files: ['test/field/return/outage.test.ts'],
  }),
  fromTests({
    name: 'taken-ports',
    line: "A caller's port that another program has when its Envoy starts, and gives back",
    bound:
      'status and the log name the port, its holder and what to do; calls go through within a minute of its end, ' +
      'in the same processes; nothing stands as rejected',
    files: ['test/field/return/ports.test.ts', 'test/sidecar/port-holder.test.ts', 'test/sidecar/local-ports.test.ts'],
  }),
  fromTests({
    name: 'names',
    line: 'A data folder that was copied with its key while its sidecar runs, and killed; an --instance that two hosts have',
    bound:
      'the second gets a name of its own, or a clear error, both are told; no failed call; its dead address is gone within 45 s',
    files: ['test/field/return/names.test.ts'],
  }),
  fromTests({
    name: 'clocks',
    line: 'A control plane whose clock is 90 s off those of its proxies, both ways, and three rotations of every certificate under load',
    bound: 'no failed call; status and the helper name the clock and its offset',
    files: ['test/field/return/clocks.test.ts'],
  }),
  fromTests({
    name: 'peer-clocks',
    line:
      'A caller and a service whose clocks are 180 s apart, each way, and at the ends of what is borne (ten minutes ' +
      'behind, 26 ahead), over a rotation, with new handshakes all the time; and up to 54 minutes behind, once it ' +
      'is known',
    bound: 'no failed call; controls: certificates begun 30 s before, and hosts beyond the ends, fail',
    files: ['test/field/return/peer-clocks.test.ts', 'test/serve/clock-offsets.test.ts'],
  }),
  fromTests({
    name: 'gate-of-what-went',
    line: 'A sidecar that only calls, a replica that was stopped in order (also over a restart), calls that are refused already',
    bound: 'hold no cut-over; a killed replica and an anonymous caller who is let in do',
    files: ['test/field/return/gate.test.ts'],
  }),
];
