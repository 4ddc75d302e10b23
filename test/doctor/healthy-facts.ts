// What is known of an edge on which nothing is wrong: `web` calls `api`, each with one sidecar. Tests change what they are about.
import type { Facts, ProxyFacts, SeenAnswer } from '../../src/doctor/facts.ts';

export const now = Date.parse('2026-11-29T12:00:00Z');
export const minute = 60_000;
export const [webNode, apiNode] = ['spiffe://td1/service/web~a1', 'spiffe://td1/service/api~a1'];

const proxy: Omit<ProxyFacts, 'node'> = {
  ...{ state: 'connected', since: now - 60 * minute, ready: true, takesCalls: false, clockOffsetMs: 0 },
  ...{ rejected: [], unanswered: [], takenPorts: [] },
  certificate: { serial: 'ab', notBefore: now - 30 * minute, notAfter: now + 30 * minute, root: 'abcdefghijkl' },
};

export const healthy: Facts = {
  now,
  call: {
    ...{ caller: 'web', target: 'api', port: 'default', protocol: 'http1', mtls: 'strict' },
    ...{ external: false, ownEndpoints: false, operation: { from: 'any' } },
  },
  documents: { needsDependency: true, listen: '9000', callerDocument: 'Service/web', refused: [] },
  policy: {
    ...{
      outcome: 'allowed',
      stage: 'allow-rule',
      reason: 'allow rule api/0 matches',
      decidedBy: 'AuthorizationPolicy/api a.yaml:3',
    },
    ...{ pending: [], undecidable: false, otherOperations: false },
  },
  caller: { who: 'web', proxies: [{ ...proxy, node: webNode }], refusedSvids: [] },
  service: {
    who: 'api',
    proxies: [
      {
        ...{ ...proxy, node: apiNode, takesCalls: true, inbound: { address: '10.0.0.1', port: 8443 } },
        application: { address: '127.0.0.1', port: 8080 },
        applicationState: { answers: true, on: ['127.0.0.1'], around: [] },
      },
    ],
    refusedSvids: [],
  },
  endpoints: [],
  roots: ['abcdefghijkl'],
  answers: [],
  handshakes: [],
  traffic: { allowedAt: now - minute },
  unseen: [],
};

export function ofCaller(facts: Facts, change: Partial<ProxyFacts>): Facts {
  return { ...facts, caller: { ...facts.caller, proxies: facts.caller.proxies.map((one) => ({ ...one, ...change })) } };
}

export function ofService(facts: Facts, change: Partial<ProxyFacts>): Facts {
  return {
    ...facts,
    service: { ...facts.service, proxies: facts.service.proxies.map((one) => ({ ...one, ...change })) },
  };
}

/** The newest one. */
export function answered(facts: Facts, seen: Partial<SeenAnswer>): Facts {
  const answer: SeenAnswer = {
    ...{
      kind: 'own',
      at: now - 1000,
      node: webNode,
      requestId: 'id-1',
      method: 'GET',
      path: '/x',
      status: 503,
      details: '',
    },
    ...seen,
  };
  return { ...facts, answers: [answer, ...facts.answers] };
}
