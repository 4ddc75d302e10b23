// The matching-cell rule against interleaved streams, and paths that two servers read differently.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';
import { matchingCellHour } from './matching-cell-hour.ts';

export const matchingCellItems: readonly Item[] = [
  fromTests({
    name: 'matching-cell-streams',
    line:
      'headers and messages of two streams in any order, half messages, rules that change with calls in flight; ' +
      'another program in the place of the reader',
    bound: 'no call is decided by what another says, no raw resource puts its own words there, Envoy runs on',
    files: ['test/adversary/matching-cell/interleaved.test.ts', 'test/adversary/matching-cell/reader.test.ts'],
  }),
  matchingCellHour,
  fromTests({
    name: 'hidden-dots',
    line:
      'paths that climb by escaped slashes, backslashes, parameters and escaped escapes, before a file server ' +
      '(Python) that decodes first',
    bound: 'nobody gets a file that no rule allows; explain says what the wall does',
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
      'raw patches of authorization that mean anyone, in every word that Envoy has for it, filters that let in whom ' +
      'they do not name, and doors beside the wall (UDP, tunnels, plaintext)',
    bound: 'each is refused before it is stored; whoever is named may be added',
    files: ['test/adversary/authorization/anyone.test.ts', 'test/adversary/authorization/raw-doors.test.ts'],
  }),
];
