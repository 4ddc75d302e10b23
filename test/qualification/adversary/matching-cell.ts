// The matching-cell rule against interleaved streams, and paths that two servers read differently.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';
import { matchingCellHour } from './matching-cell-hour.ts';

export const matchingCellItems: readonly Item[] = [
  fromTests({
    name: 'matching-cell-streams',
    line:
      'headers and messages of two streams in any order, half messages, rules that change with calls in flight; ' +
      'another program in place of the reader',
    bound: "no call is decided by another's message, no raw resource can replace the program, Envoy keeps running",
    files: ['test/adversary/matching-cell/interleaved.test.ts', 'test/adversary/matching-cell/reader.test.ts'],
  }),
  matchingCellHour,
  fromTests({
    name: 'hidden-dots',
    line:
      'paths that climb with escaped slashes, backslashes, parameters and double escapes, before a file server ' +
      '(Python) that decodes first',
    bound: 'nobody gets a file that no rule allows; explain agrees with the proxy',
    files: ['test/adversary/paths/hidden-dots.test.ts'],
  }),
  fromTests({
    name: 'denied-spellings',
    line:
      'a denied path under a wider allow in every spelling: escaped slashes and backslashes, doubled, mixed, ' +
      'escaped twice; exact, prefix and template rules',
    bound:
      'the matcher and the expression on the proxy agree, none is matched less than by an allow rule, hostile paths cost no more',
    files: [
      'test/policy/deny-path.test.ts',
      'test/policy/deny-recorded.test.ts',
      'test/translate/long-template.test.ts',
    ],
  }),
  fromTests({
    name: 'raw-anyone',
    line:
      'raw patches of authorization that mean anyone, in every way that Envoy can express it, filters that admit ' +
      'callers they do not name, and ways around the mesh (UDP, tunnels, plaintext)',
    bound: 'each is refused before it is stored; patches that name identities are accepted',
    files: ['test/adversary/authorization/anyone.test.ts', 'test/adversary/authorization/raw-doors.test.ts'],
  }),
];
