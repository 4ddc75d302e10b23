// Streams, names and silent connections: budgets of the ports.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const budgetItems: readonly Item[] = [
  fromTests({
    name: 'others-untouched',
    line:
      'One flood after the other (forged access logs, silent connections, subscriptions, refused requests, ' +
      'renewals, instances) against a control plane with an operator and proxies, compared with one that nobody ' +
      'floods',
    bound:
      "medians of status, urgent apply and push within 1.2x of the other one's at the same time, memory within 1.2x " +
      'once its own budget is used up, no other stream, record or gate affected',
    files: ['test/adversary/budgets/others-untouched.test.ts'],
    limitMinutes: 12,
  }),
  fromTests({
    name: 'subscriptions-without-end',
    line: 'A workload without rights subscribes to endless names, on every stream that it can open',
    bound: 'memory within 1.2x, RESOURCE_EXHAUSTED with a reason, others answered',
    files: ['test/adversary/budgets/subscriptions.test.ts'],
    limitMinutes: 5,
  }),
  fromTests({
    name: 'failures-of-others',
    line: 'Another user on the host fails at the identity API in every way',
    bound: '0 joins, renewals, deregistrations and reports of others refused',
    files: ['test/adversary/budgets/limiters.test.ts'],
    limitMinutes: 3,
  }),
  fromTests({
    name: 'silent-connections',
    line: 'Thousands of connections send nothing, one byte, or half a handshake, at the identity and xDS ports',
    bound: 'joins and streams of others within 5 s, memory within 1.2x, all of these connections closed',
    files: ['test/adversary/budgets/silent-connections.test.ts'],
    limitMinutes: 5,
  }),
  fromTests({
    name: 'rapid-reset',
    line:
      'A host opens streams on the xDS port and resets each at once, on many connections, with any method and any ' +
      'of its certificates',
    bound:
      'its connections are closed; a proxy on another host answered within 5 s, /healthz within 2 s, memory within ' +
      '1.2x and 20 MiB',
    files: ['test/adversary/budgets/rapid-reset.test.ts'],
    limitMinutes: 3,
  }),
  fromTests({
    name: 'inbound-floods',
    line:
      'A workload without rights, or an anonymous plaintext client, opens 20 connections to a service’s inbound ' +
      'port and resets 20,000 streams on each, or sends endless frames of one type, while an allowed caller works',
    bound:
      "none of the allowed caller's calls fails; each connection is closed after fewer than 2,811 streams; less " +
      'than 3 s of processor time in all; the control processes everything',
    files: ['test/adversary/budgets/inbound-floods.test.ts'],
    limitMinutes: 4,
  }),
  fromTests({
    name: 'bombs',
    line:
      'Compressed and nested messages, endless headers, calls without an authority and resumed sessions on the xDS ' +
      'port',
    bound: 'each refused; memory grows by less than 100 MiB of 640, /healthz within 2 s',
    files: ['test/adversary/budgets/bombs.test.ts'],
    limitMinutes: 2,
  }),
];
