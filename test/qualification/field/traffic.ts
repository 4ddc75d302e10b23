// HTTP as real clients and applications speak it.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const trafficItems: readonly Item[] = [
  fromTests({
    name: 'header-names',
    line:
      'Headers with underscores arrive, in HTTP/1.1 and gRPC, through both sidecars and in plaintext; no spelling ' +
      'of an identity header does',
    bound: '300 random spellings of 19 headers from either side: none arrives, all others do',
    files: ['test/field/traffic/header-names.test.ts', 'test/field/traffic/trusted-hops.test.ts'],
  }),
  fromTests({
    name: 'lifetimes',
    line:
      'A download, an upload, a gRPC stream and a TCP connection outlive three certificates; no new request uses a ' +
      'connection after its certificate has expired',
    bound:
      "every byte; 0 failed calls meanwhile; 0 of 20 requests after the certificate's expiry, even from a client " +
      'that ignores GOAWAY',
    files: ['test/field/traffic/lifetimes.test.ts'],
  }),
  fromTests({
    name: 'lost-rights',
    line:
      'An HTTP stream, a gRPC stream and a TCP connection of a caller that loses a right, its document or its host; ' +
      'with other callers; across a restart of the control plane; with callers that share a chain',
    bound:
      'cut within 5 s; nothing of callers that have their own chains, nothing by wider rules or a restart; the ' +
      '129th caller cuts two at most; a caller that shares a TCP chain with a denied one is served from its first byte',
    files: [
      'test/field/traffic/lost-rights.test.ts',
      'test/field/traffic/shared-chains.test.ts',
      'test/field/traffic/shared-tcp-chain.test.ts',
      'test/control/kept-cuts.test.ts',
    ],
  }),
  fromTests({
    name: 'cut-ends',
    line:
      'What a caller sees when it is cut (a deny rule, an evicted host): downloads with both framings, gRPC with ' +
      'and without a sidecar, TCP',
    bound: 'no HTTP answer and no gRPC call looks complete; without a sidecar UNAVAILABLE',
    files: ['test/field/traffic/cut-ends.test.ts'],
  }),
  fromTests({
    name: 'http-habits',
    line:
      'HTTP/1.0, upgrade offers, WebSockets, 900 headers, 200 KB of cookies, letter case of names; malformed ' +
      'answers are 502',
    bound: 'each as without the mesh, or refused as docs/http.md says',
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
    bound:
      'a client that asks before it sends always gets an answer; no call fails because an application closes ' +
      'connections after 300 ms',
    files: ['test/field/traffic/early-answers.test.ts'],
  }),
];
