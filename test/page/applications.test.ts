// What the page says of the applications behind a proxy.
import { expect, it } from 'vitest';
import { applicationFacts, applicationTroubles } from '../../page/src/views/applications.ts';
import type { ProxyRow } from '../../src/admin/wire-proxies.ts';

const row = (more: Partial<ProxyRow>): ProxyRow => ({
  ...{ node: 'spiffe://td1/service/api~a', spiffeId: 'spiffe://td1/service/api', state: 'connected', since: 0 },
  ...{ ready: true, types: [], ...more },
});
const application = { address: '127.0.0.1', port: 8080 };

it('where each is expected and where it listens; nothing where nothing is known', () => {
  expect(applicationFacts(row({}))).toEqual([]);
  const applicationState = { answers: true, on: ['127.0.0.1', '::1'], around: [] };
  const facts = [{ places: 'expected at 127.0.0.1:8080; listens on 127.0.0.1, ::1' }];
  expect(applicationFacts(row({ application, applicationState }))).toEqual(facts);
  expect(applicationTroubles(row({ application, applicationState }))).toEqual([]);
  const ports = [{ name: 'rest', application: { path: '/run/app.sock' } }];
  expect(applicationFacts(row({ ports }))).toEqual([{ port: 'rest', places: 'expected at /run/app.sock' }]);
});

it('one that is down, elsewhere or open around its proxy, of any port', () => {
  const applicationState = { answers: false, why: 'ECONNREFUSED', on: ['10.0.0.5'], around: ['10.0.0.5', 'fd00::5'] };
  const down = { name: 'rest', applicationState: { answers: false, around: [] } };
  expect(applicationTroubles(row({ application, applicationState, ports: [down] }))).toEqual([
    'Its application does not answer at 127.0.0.1:8080 (ECONNREFUSED); something listens on 10.0.0.5.',
    'Its application can be reached around it, at 10.0.0.5:8080.',
    'Its application can be reached around it, at [fd00::5]:8080.',
    'Its application of the port rest does not answer.',
  ]);
});
