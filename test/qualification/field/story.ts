// The demo and GitLab's own client, in the field.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const storyItems: readonly Item[] = [
  fromTests({
    name: 'ruby-client',
    line:
      'A client generated in Ruby like that of GitLab Rails (plaintext channel to its sidecar, metadata with ' +
      'underscores from gitlab.yml) classifies, begins and commits an update through the mesh; what does not belong ' +
      'to its cell is denied',
    bound: 'every call as without the mesh, 20 rounds',
    files: ['test/system/topology-client.test.ts'],
  }),
];
