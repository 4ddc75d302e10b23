// The demo and GitLab's own client, in the field.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const storyItems: readonly Item[] = [
  fromTests({
    name: 'ruby-client',
    line:
      "A client generated in Ruby as GitLab Rails' own is (plaintext channel to its sidecar, metadata with " +
      'underscores from gitlab.yml) classifies, begins and commits an update through the wall; what is not its ' +
      "cell's is refused",
    bound: 'every call as without the wall, 20 rounds',
    files: ['test/system/topology-client.test.ts'],
  }),
];
