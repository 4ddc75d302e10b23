// Streams, names and silent connections: budgets of the ports.
import type { Item } from '../item.ts';
import { fromTests } from '../support/from-tests.ts';

export const budgetItems: readonly Item[] = [
  fromTests({
    name: 'others-untouched',
    line:
      'One flood after the other (forged access logs, silent connections, subscriptions, refused requests, ' +
      'renewals, instances) against a control plane with an operator and proxies, beside one that nobody floods',
    bound:
      "medians of status, urgent apply and push within 1.2x of the other's at the same time, memory within 1.2x " +
      "once its own budget is used up, nobody's stream, record or gate touched",
    files: ['test/adversary/budgets/others-untouched.test.ts'],
    limitMinutes: 12,
  }),
  fromTests({
    name: 'subscriptions-without-end',
    line: 'A workload without rights subscribes to names without end, on every stream that it can open',
    bound: 'memory within 1.2x, RESOURCE_EXHAUSTED with a reason, others answered',
    files: ['test/adversary/budgets/subscriptions.test.ts'],
    limitMinutes: 5,
  }),
  fromTests({
    name: 'failures-of-others',
    line: 'Another user of the host fails at the identity API in every way',
    bound: '0 joins, renewals, goodbyes and reports of others refused',
    files: ['test/adversary/budgets/limiters.test.ts'],
    limitMinutes: 3,
  }),
  fromTests({
    name: 'silent-connections',
    line: 'Thousands of connections say nothing, a byte, or half a handshake, at the identity and the xDS port',
    bound: 'joins and streams of others within 5 s, memory within 1.2x, all of them ended',
    files: ['test/adversary/budgets/silent-connections.test.ts'],
    limitMinutes: 5,
  }),
  fromTests({
    name: 'rapid-reset',
    line: 'A host opens streams on the xDS port and resets each at once, on many connections, of any method, with any of its certificates',
    bound:
      'its connections end; a proxy of another host answered within 5 s, /healthz within 2 s, memory within 1.2x and 20 MiB',
    files: ['test/adversary/budgets/rapid-reset.test.ts'],
    limitMinutes: 3,
  }),
  fromTests({
    name: 'inbound-floods',
    line:
      'A workload without rights, or nobody in plaintext, opens 20 connections to a service’s inbound port and ' +
      'resets 20,000 streams on each, or sends frames of a kind without an end, beside an allowed caller',
    bound:
      'none of his calls fails; each connection ends after fewer than 2,811 streams; less than 3 s of a processor ' +
      'in all; the control works off everything',
    files: ['test/adversary/budgets/inbound-floods.test.ts'],
    limitMinutes: 4,
  }),
  fromTests({
    name: 'bombs',
    line: 'Compressed and nested messages, headers without an end, calls without an authority and resumed sessions on the xDS port',
    bound: 'each refused; memory grows by less than 100 MiB of 640, /healthz within 2 s',
    files: ['test/adversary/budgets/bombs.test.ts'],
    limitMinutes: 2,
  }),
];
