// Facts about web calling api where all is well, for tests that change one thing.
import type { Facts, ProxyFacts } from '../../src/doctor/facts.ts';

export const now = Date.parse('2026-11-29T12:00:00Z');
export const [webNode, apiNode] = ['spiffe://td1/service/web~w1', 'spiffe://td1/service/api~a1'] as const;

const certificate = { serial: '0a', notBefore: now - 600_000, notAfter: now + 3_000_000, root: 'root-1' };
const proxy = { state: 'connected', since: now - 1e6, ready: true, certificate, clockOffsetMs: 12 } as const;
const nothing = { rejected: [], unanswered: [], takenPorts: [] };

export const webProxy: ProxyFacts = { ...proxy, ...nothing, node: webNode, takesCalls: false };
export const apiProxy: ProxyFacts = {
  ...{ ...proxy, ...nothing, node: apiNode, takesCalls: true },
  inbound: { address: '10.0.0.2', port: 8443 },
  application: { address: '127.0.0.1', port: 8080 },
  applicationState: { answers: true, on: ['127.0.0.1'], around: [] },
};

export const fine: Facts = {
  now,
  call: {
    ...{ caller: 'web', target: 'api', port: 'default', protocol: 'http1', mtls: 'strict' },
    ...{ external: false, ownEndpoints: false, operation: { from: 'any' } },
  },
  documents: { needsDependency: true, listen: '15001', callerDocument: 'Service/web', refused: [] },
  policy: {
    ...{ outcome: 'allowed', stage: 'allow-rule', reason: 'AuthorizationPolicy/api[0] allows it' },
    ...{ decidedBy: 'AuthorizationPolicy/api api.yaml:12', pending: [], undecidable: false },
  },
  caller: { who: 'web', proxies: [webProxy], refusedSvids: [] },
  service: { who: 'api', proxies: [apiProxy], refusedSvids: [] },
  endpoints: [],
  roots: ['root-1'],
  answers: [],
  handshakes: [],
  traffic: { allowedAt: now - 2000 },
  unseen: [],
};

export const web = (change: Partial<ProxyFacts>): Partial<Facts> => ({
  caller: { ...fine.caller, proxies: [{ ...webProxy, ...change }] },
});
export const api = (change: Partial<ProxyFacts>): Partial<Facts> => ({
  service: { ...fine.service, proxies: [{ ...apiProxy, ...change }] },
});
