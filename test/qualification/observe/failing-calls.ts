// Calls that fail for real, and what the doctor says of each.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const failingCallsItem: Item = fromTests({
  name: 'failing-calls',
  line:
    'Calls that fail for real, through Envoys, most of them with helpers: what the request is, policy, tokens, bans, endpoints that lie, ' +
    'certificates that have ended, begin later or are of another root, sidecars that are killed, reject, listen nowhere or find ' +
    'their port taken or get no certificate, a clock that is off, applications that are down, elsewhere, slow, or answer what is no ' +
    'answer; under one control plane, and with its sides at two; and SVIDs, tokens and Workload APIs with a fault',
  bound:
    '`cellwall doctor CALLER SERVICE`, without a request id, names the cause of each first, and the remedy, and the page shows it ' +
    'within 10 s (what it reads, within 6); ≥ 40 calls; control: where ' +
    'calls work, nothing is found',
  files: [
    'test/doctor/failing/calls.test.ts',
    'test/doctor/failing/sidecars.test.ts',
    'test/doctor/diagnose.test.ts',
    'test/doctor/diagnose-mesh.test.ts',
    'test/cli/doctor-svid.test.ts',
  ],
  limitMinutes: 12,
});
