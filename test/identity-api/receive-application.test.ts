// Reports of an application: how many one host may make.
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { createReceiveApplication } from '../../src/identity-api/receive-application.ts';
import type { SpiffeId } from '../../src/model/spiffe-id.ts';

test('who reports without end is heard once a second, under whatever names; others as before', async () => {
  let now = 0;
  const heard: string[] = [];
  const take = createReceiveApplication({ monotonic: () => now }, (node) => void heard.push(node));
  const report = async (host: string, instance: string): Promise<unknown> => {
    const request = new IncomingMessage(new Socket());
    request.push(JSON.stringify({ instance, run: 'r', answers: true, around: ['10.0.0.1'] }));
    request.push(null);
    const peer = {
      spiffeId: 'spiffe://td1/web' as SpiffeId,
      nodeKey: host,
      certificate: new Uint8Array(),
      chain: [],
      address: '127.0.0.1',
    };
    return take(request, peer).catch((reason: unknown) => reason);
  };
  for (let one = 0; one < 500; one++) await report('busy', `i-${one}`);
  expect(heard.length).toBe(30);
  expect(await report('busy', 'a')).toMatchObject({ code: 'resource_exhausted' });
  expect(await report('quiet', 'a')).toBeUndefined();
  now += 1000;
  expect(await report('busy', 'a')).toBeUndefined();
  expect(await report('busy', 'a')).toMatchObject({ code: 'resource_exhausted' });
});
