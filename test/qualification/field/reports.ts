// What users of other meshes reported in public, tried here.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const reportsItems: readonly Item[] = [
  fromTests({
    name: 'odd-messages',
    line:
      'Calls and answers that are not valid HTTP/2, empty frames, 1,500 streams on one connection, also when the ' +
      'application allows a hundred',
    bound: '12 kinds: each ends its own stream, 0 calls of others; 1,500 of 1,500 streams',
    files: ['test/field/reports/odd-messages.test.ts'],
  }),
  fromTests({
    name: 'trailers',
    line: 'Trailers of requests and answers, in HTTP/1.1 and HTTP/2, from a sidecar and in plaintext',
    bound: 'all arrive except for identity headers: 0 of 13 forged',
    files: ['test/field/reports/trailers.test.ts'],
  }),
  fromTests({
    name: 'frozen-peer',
    line: 'A sidecar that stops answering while its connections stay up: open gRPC calls fail, new ones go elsewhere',
    bound: 'within 50 s; then 0 of 20 calls fail',
    files: ['test/field/reports/frozen-peer.test.ts'],
  }),
];
