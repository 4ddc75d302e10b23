// HTTP as real clients and applications speak it.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const trafficItems: readonly Item[] = [
  fromTests({
    name: 'header-names',
    line:
      'Headers with underscores arrive, in HTTP/1.1 and gRPC, through both sidecars and in plaintext; no spelling ' +
      'of a header of identity does',
    bound: '300 random spellings of 19 headers from either side: none arrives, all others do',
    files: ['test/field/traffic/header-names.test.ts', 'test/field/traffic/trusted-hops.test.ts'],
  }),
  fromTests({
    name: 'lifetimes',
    line:
      'A download, an upload, a gRPC stream and a TCP connection outlive three certificates; no new request rides a ' +
      'connection past its certificate’s end',
    bound:
      'every byte; 0 failed calls beside them; 0 of 20 requests after the certificate, also of a client that does not heed GOAWAY',
    files: ['test/field/traffic/lifetimes.test.ts'],
  }),
  fromTests({
    name: 'lost-rights',
    line:
      'An HTTP stream, a gRPC stream and a TCP connection of who loses a right, his document or his host; beside ' +
      'others; over a restart of the control plane; of callers that share a chain',
    bound:
      'cut within 5 s; nothing of callers that have chains of their own, nothing by wider rules or a restart; the ' +
      '129th caller cuts two at most',
    files: [
      'test/field/traffic/lost-rights.test.ts',
      'test/field/traffic/shared-chains.test.ts',
      'test/control/kept-cuts.test.ts',
    ],
  }),
  fromTests({
    name: 'cut-ends',
    line:
      'What a caller sees of what is cut (a deny rule, an evicted host): downloads of both framings, gRPC through ' +
      'his sidecar and without, TCP',
    bound: 'no HTTP answer and no gRPC call looks whole; without a sidecar UNAVAILABLE',
    files: ['test/field/traffic/cut-ends.test.ts'],
  }),
  fromTests({
    name: 'http-habits',
    line: 'HTTP/1.0, offers to upgrade, WebSockets, 900 headers, 200 KB of cookies, the case of names; malformed answers are 502',
    bound: 'each as without the wall, or refused as docs/http.md says',
    files: ['test/field/traffic/http-habits.test.ts'],
  }),
  fromTests({
    name: 'shared-connections',
    line: 'Short deadlines of one caller, connections that end without a byte, health checks, servers that speak first',
    bound: '0 calls of others fail; nothing stays open',
    files: ['test/field/traffic/short-deadlines.test.ts', 'test/field/traffic/tcp-ends.test.ts'],
  }),
  fromTests({
    name: 'early-answers',
    line: 'Applications that answer 413 with the body unread, Expect: 100-continue, applications that close unused connections',
    bound: 'who asks before he sends is always told; no call fails by an application that closes after 300 ms',
    files: ['test/field/traffic/early-answers.test.ts'],
  }),
];
