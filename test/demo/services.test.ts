// The stand-ins, spoken to as the demo's applications do: plaintext, each in its own protocol.
import { afterAll, expect, test } from 'vitest';
import { perform } from '../../demo/services/calls.ts';
import { startGitaly } from '../../demo/services/gitaly.ts';
import { startGitlab } from '../../demo/services/gitlab.ts';
import { grpcMethod } from '../../demo/services/protos.ts';
import { startRegistry } from '../../demo/services/registry.ts';
import type { StandIn } from '../../demo/services/stand-in.ts';
import { startTopologyRest } from '../../demo/services/topology-rest.ts';
import { startTopologyService } from '../../demo/services/topology-service.ts';
import { requestGrpc } from '../../demo/wire/grpc.ts';
import { exchangeHttp2, openHttp2 } from '../../demo/wire/http2.ts';

const running: StandIn[] = [];
const start = async (starting: Promise<StandIn>): Promise<string> => {
  const standIn = await starting;
  running.push(standIn);
  return `127.0.0.1:${standIn.port}`;
};
afterAll(() => Promise.all(running.map((standIn) => standIn.close())));

const classify = 'gitlab.cells.topology_service.ClassifyService/Classify';

test('the protos have the names and numbers of the Topology Service', () => {
  const { path, requestSerialize } = grpcMethod(classify);
  expect(path).toBe('/gitlab.cells.topology_service.ClassifyService/Classify');
  // type = 2 (varint), value = 3, claim = 4.
  expect(requestSerialize({ type: 'CELL_ID', value: '2' }).toString('hex')).toBe('1003' + '1a0132');
  expect(requestSerialize({ claim: 'x' }).toString('hex')).toBe('220178');
  const begin = grpcMethod('gitlab.cells.topology_service.claims.v1.ClaimService/BeginUpdate');
  expect(begin.requestSerialize({ cell_id: 1 }).toString('hex')).toBe('1801');
});

test('topology-service classifies over gRPC, with the client library and by hand', async () => {
  const address = await start(startTopologyService());
  const request = { type: 'SESSION_PREFIX', value: 'cell-2' };
  const expected = { kind: 'ok', body: { action: 'PROXY', proxy: { address: 'cell-2.gitlab.test' } } };
  expect(await perform({ kind: 'grpc', address, method: classify, request })).toMatchObject(expected);
  const session = openHttp2({ address });
  expect(await requestGrpc(session, classify, request)).toMatchObject(expected);
  expect(await requestGrpc(session, classify, {})).toEqual({
    kind: 'refused',
    code: 5,
    details: 'no such cell or record',
  });
  session.close();
});

test('topology-service classifies over REST, and says whom its sidecar told it of', async () => {
  const address = await start(startTopologyRest());
  const outcome = await perform({
    kind: 'http1',
    address,
    method: 'POST',
    path: '/v1/classify',
    json: { type: 'FIRST_CELL' },
  });
  expect(outcome).toEqual({
    kind: 'ok',
    body: '{"action":"PROXY","proxy":{"address":"cell-1.gitlab.test"}}',
    caller: {},
  });
  const response = await fetch(`http://${address}/healthz`, { headers: { 'x-cellwall-peer-id': 'spiffe://td/x' } });
  expect(response.headers.get('x-demo-peer-id')).toBe('spiffe://td/x');
  expect(await perform({ kind: 'http1', address, method: 'GET', path: '/v1/claims' })).toMatchObject({
    kind: 'refused',
    code: 404,
  });
  expect((await fetch(`http://${address}/v1/classify`, { method: 'POST', body: '{' })).status).toBe(400);
});

test('gitaly streams commits of its own storage', async () => {
  const call = { kind: 'grpc', method: 'gitaly.CommitService/ListCommits', request: { limit: 3 } } as const;
  const one = await perform({ ...call, address: await start(startGitaly('cell-1')) });
  const two = await perform({ ...call, address: await start(startGitaly('cell-2')) });
  expect(one).toMatchObject({ kind: 'ok', body: { length: 3 } });
  expect(one).not.toEqual(two);
});

test('gitlab speaks HTTP/1.1, the registry HTTP/2', async () => {
  const gitlab = await start(startGitlab('cell-1'));
  expect(await perform({ kind: 'http1', address: gitlab, method: 'GET', path: '/' })).toMatchObject({
    kind: 'ok',
    body: '{"cell":"cell-1"}',
  });
  const address = await start(startRegistry());
  expect(await perform({ kind: 'http2', address, method: 'GET', path: '/v2/' })).toMatchObject({ kind: 'ok' });
  const session = openHttp2({ address });
  const { headers } = await exchangeHttp2(session, { ':path': '/v2/', 'x-cellwall-peer-id': 'spiffe://td/y' });
  expect(headers['x-demo-peer-id']).toBe('spiffe://td/y');
  session.close();
});

test('a port without a server is a failure, in every protocol', async () => {
  const gone = await startGitlab('cell-1');
  await gone.close();
  const address = `127.0.0.1:${gone.port}`;
  const calls = [
    { kind: 'grpc', address, method: classify, request: {} },
    { kind: 'http1', address, method: 'GET', path: '/' },
    { kind: 'http2', address, method: 'GET', path: '/' },
    { kind: 'valkey', address },
  ] as const;
  for (const call of calls) expect(await perform(call)).toMatchObject({ kind: 'failed' });
});
