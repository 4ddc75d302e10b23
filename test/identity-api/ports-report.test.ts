// A report of taken ports is read strictly, and is bounded; so is how many one host may make.
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { expect, it } from 'vitest';
import { readPortsReport } from '../../src/identity-api/ports-report.ts';
import { createReceivePorts } from '../../src/identity-api/receive-ports.ts';
import type { SpiffeId } from '../../src/model/spiffe-id.ts';

const one = { address: '127.0.0.1', port: 9001, holder: 'pid 1 (x)' };
const report = (more: object): Readonly<Record<string, unknown>> => ({
  instance: 'a',
  run: 'r',
  taken: [one],
  ...more,
});

it('what is well formed is taken, without what else it says', () => {
  expect(readPortsReport(report({ taken: [{ ...one, more: 1 }], other: 2 }))).toEqual(report({}));
  expect(readPortsReport(report({ taken: [] })).taken).toEqual([]);
});

it.each([
  { instance: 'A b' },
  { run: '' },
  { taken: undefined },
  { taken: Array.from({ length: 17 }, () => one) },
  { taken: [null] },
  { taken: [{ ...one, address: 'localhost' }] },
  { taken: [{ ...one, port: 0 }] },
  { taken: [{ ...one, port: '9001' }] },
  { taken: [{ ...one, holder: 'x'.repeat(101) }] },
  { taken: [{ ...one, holder: undefined }] },
])('%j is refused', (more) => {
  expect(() => readPortsReport(report(more))).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
});

it('who reports without end is heard every two seconds, under whatever names; others as before', async () => {
  let now = 0;
  const heard: string[] = [];
  const take = createReceivePorts({ monotonic: () => now }, (node) => void heard.push(node));
  const say = async (nodeKey: string, instance: string): Promise<unknown> => {
    const request = new IncomingMessage(new Socket());
    request.push(JSON.stringify(report({ instance })));
    request.push(null);
    const spiffeId = 'spiffe://td1/service/web' as SpiffeId;
    const peer = { spiffeId, nodeKey, certificate: new Uint8Array(), chain: [], address: '127.0.0.1' };
    return take(request, peer).catch((reason: unknown) => reason);
  };
  for (let one = 0; one < 100; one++) await say('busy', `i-${one}`);
  expect(heard.length).toBe(10);
  expect(await say('busy', 'a')).toMatchObject({ code: 'resource_exhausted' });
  expect(await say('quiet', 'a')).toBeUndefined();
  now += 2000;
  expect(await say('busy', 'a')).toBeUndefined();
});
