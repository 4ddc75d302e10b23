// What `status` and `simulate` say of logs and counters.
import { expect, it } from 'vitest';
import { formatCrossCheck } from '../../src/cli/output/format-cross-check.ts';
import { formatSimulation } from '../../src/cli/output/format-simulation.ts';

const now = Date.UTC(2026, 0, 2);
const proxy = (node: string) => ({
  ...{ node: `spiffe://td1/service/${node}`, spiffeId: 'spiffe://td1/service/api', state: 'connected' as const },
  ...{ since: 0, ready: true, types: [] },
});
const missing = { from: now - 60_000, to: now - 50_000, what: 'requests' as const, counted: 120, told: 100 };

it('status: counted and told, what the log lacked, and who is not cross-checked', () => {
  const counters = { mtlsRequests: 7, plainRequests: 113, handshakes: 9, noCertificate: 2, dropped: 0 };
  const checked = { ...proxy('api~a'), crossChecked: { at: now - 5000, counters, told: 100 }, missing: [missing] };
  const lines = formatCrossCheck([checked, proxy('api~b')], now).split('\n');
  expect(lines.map((line) => line.trimEnd().split(/\s{2,}/))).toEqual([
    ['LOG OF', 'COUNTED', 'TOLD', 'DROPPED', 'TLS WITHOUT CERTIFICATE', 'CHECKED'],
    ['td1/service/api~a', '120', '100', '0', '2 of 9', '5s ago'],
    ['td1/service/api~b', '-', '-', '-', '-', 'not cross-checked'],
    [''],
    ['the log lacks calls of these times:'],
    ['', 'td1/service/api~a counted 120 requests from 2026-01-01T23:59:00Z to 2026-01-01T23:59:10Z, its log told 100'],
    [''],
  ]);
});

it('simulate: the same of the services that the change is about', () => {
  const { what, counted, told, from, to } = missing;
  const text = formatSimulation(
    {
      ...{ kind: 'simulation', revision: 1, since: 0, replayed: 0, newlyDenied: [], newlyAllowed: [], cannotTell: [] },
      totals: { newlyDenied: 0, newlyAllowed: 0, cannotTell: 0 },
      incomplete: [
        {
          service: 'api',
          gaps: [
            { node: 'spiffe://td1/service/api~a', from, to },
            { node: 'spiffe://td1/service/api~a', from, to, missing: { what, counted, told } },
            { node: 'spiffe://td1/service/api~b', from, to, missing: { what: 'log entries', counted: 5, told: 0 } },
          ],
        },
      ],
      notCrossChecked: ['spiffe://td1/service/api~c'],
    },
    now,
  );
  expect(text).toContain(
    'api: 1 gap, spiffe://td1/service/api~a counted 120 requests from 2026-01-01T23:59:00Z to 2026-01-01T23:59:10Z, its log told 100, ' +
      'spiffe://td1/service/api~b lost 5 entries of its log, from 2026-01-01T23:59:00Z to 2026-01-01T23:59:10Z\n',
  );
  expect(text).toContain("not cross-checked with Envoy's own counters:\n  spiffe://td1/service/api~c\n");
});
