// Which command lines run what lives long.
import { expect, it } from 'vitest';
import { livesLong } from '../../src/cli/lives-long.ts';

it.each([
  [['serve'], true],
  [['sidecar', '--service', 'api'], true],
  [['-o', 'json', 'serve'], true],
  [['--output', 'yaml', 'sidecar'], true],
  [['--output=json', 'serve', '--bogus'], true],
  [['runner', 'serve', '--containers'], true],
  [['-o', 'json', 'runner', 'serve'], true],
  [['runner', 'open'], false],
  [['get', 'serve'], false],
  [['-o', 'serve', 'get'], false],
  [['explain', '--from', 'sidecar'], false],
  [['--help'], false],
  [[], false],
] as const)('%j: %s', (args, long) => {
  expect(livesLong(args)).toBe(long);
});
