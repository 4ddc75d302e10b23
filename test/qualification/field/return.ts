// What was away comes back: outages, ports, names that collide, clocks, and the gate that waits for them.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const returnItems: readonly Item[] = [
  fromTests({
    name: 'outages',
    line:
      'A control plane that was down for longer than every SVID and join token lives: calls work again in the same ' +
      'processes',
    bound: 'within 10 s of its return, three times in a row; the helpers log an error that calls fail',
    files: ['test/identity/recovery.test.ts'],
    only: 'three lifetimes',
  }),
  fromTests({
    name: 'taken-ports',
    line: "A caller's port that another program occupies when its Envoy starts, and releases later",
    bound:
      'status and the log name the port, its holder and what to do; calls work within a minute after the port is ' +
      'free, in the same processes; nothing is shown as rejected',
    files: ['test/field/return/ports.test.ts', 'test/sidecar/port-holder.test.ts', 'test/sidecar/local-ports.test.ts'],
  }),
  fromTests({
    name: 'names',
    line: 'A data folder copied with its key while its sidecar runs, and killed; an --instance used on two hosts',
    bound:
      'the second gets its own name, or a clear error, and both are reported; no failed call; its dead address is ' +
      'gone within 45 s',
    files: ['test/field/return/names.test.ts'],
  }),
  fromTests({
    name: 'clocks',
    line:
      'A control plane whose clock differs by 90 s from those of its proxies, both ways, and three rotations of ' +
      'every certificate under load',
    bound: 'no failed call; status and the helper name the clock and its offset',
    files: ['test/field/return/clocks.test.ts'],
  }),
  fromTests({
    name: 'peer-clocks',
    line:
      'A caller and a service whose clocks differ by 180 s, each way, and at the limits of what is tolerated (ten ' +
      'minutes behind, 26 ahead), over a rotation, with new handshakes all the time; and up to 54 minutes behind, ' +
      'once it is known',
    bound: 'no failed call; controls: certificates begun 30 s before, and hosts beyond the limits, fail',
    files: ['test/field/return/peer-clocks.test.ts', 'test/registry/clock-offsets.test.ts'],
  }),
  fromTests({
    name: 'gate-of-what-went',
    line:
      'A sidecar that only calls, a replica that was stopped properly (also across a restart), calls that are ' +
      'already denied',
    bound: 'block no cut-over; a killed replica and an anonymous caller who is allowed do',
    files: ['test/field/return/gate.test.ts'],
  }),
];
