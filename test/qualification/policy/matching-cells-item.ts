// The matching-cell rule with a thousand cells: how large it is, what it costs a call, how soon a change of it holds.
import { connect } from 'node:net';
import { toBinary } from '@bufbuild/protobuf';
import type { ServiceKey } from '../../../src/policy/ir.ts';
import { lint } from '../../../src/translate/linter.ts';
import type { ProxyShape } from '../../../src/translate/proxy.ts';
import { translate } from '../../../src/translate/translate.ts';
import { typeUrls } from '../../../src/xds/resources/type-url.ts';
import { descriptorSet } from '../../support/descriptor-set.ts';
import { grpcSession, grpcUnary, startGrpcBackend } from '../../support/grpc-unary.ts';
import { field } from '../../support/proto-bytes.ts';
import { cellText, meshOf, meshText, policyText, serviceText, yaml } from '../../support/resolve-text.ts';
import { createTestCa } from '../../support/test-ca.ts';
import { startTranslatedProxy } from '../../support/translated-proxy.ts';
import type { Item } from '../item.ts';
import { quantile } from '../support/quantile.ts';

const cells = 1000;
const calls = 500;
const maxBytes = 1_000_000;
const maxAddedMs = 2;
const maxUpdateMs = 1000;

export const matchingCells: Item = {
  name: 'matching-cells',
  line: `a matching-cell rule over ${cells.toLocaleString('en')} cells on a real Envoy`,
  bound:
    `own cell passes, another is refused; filter < ${maxBytes / 1e6} MB, added to a call < ${maxAddedMs} ms ` +
    `(median), a change holds within ${maxUpdateMs} ms`,
  async run({ defer }) {
    const backend = await startGrpcBackend();
    defer(() => backend.stop());
    const ca = await createTestCa();
    const mesh = meshWith('claims');
    const service = mesh.services.get(topology);
    if (service === undefined) throw new Error('no service');
    const shape = {
      spiffeId: service.spiffeId,
      service: topology,
      ports: [
        {
          name: 'default',
          inbound: { address: '127.0.0.1', port: 0 },
          application: { address: '127.0.0.1', port: backend.port },
        },
      ],
    } satisfies ProxyShape;
    const inputs = { mesh, endpoints: new Map(), bundles: { roots: ca.root, legacyAnchors: new Map() } };
    const started = performance.now();
    const resources = translate(mesh, inputs.endpoints, inputs.bundles, shape);
    const translateMs = performance.now() - started;
    const findings = lint(resources).length;
    const allow = resources.find(({ typeUrl, name }) => typeUrl === typeUrls.extension && name.endsWith('authz-allow'));
    const filterBytes = allow === undefined ? 0 : toBinary(allow.schema, allow.message).length;

    const proxy = await startTranslatedProxy(inputs, shape, await ca.issue({ uri: shape.spiffeId }));
    defer(() => proxy.stop());
    const port = await proxy.envoy.port('inbound');
    await until(() => listens(port));
    const svid = await ca.issue({ uri: `spiffe://td1/cell/cell-${cells}/service/gitlab` });
    let caller = grpcSession(port, svid);
    defer(() => caller.destroy());
    // The change takes rights away: Envoy asks those that lose any to connect anew, at once or after an answer.
    const call = (method: string, cell: number): Promise<string> => {
      if (caller.destroyed || caller.closed) caller = grpcSession(port, svid);
      return grpcUnary(caller, method, field(3, cell));
    };
    const begin = (cell: number): Promise<string> => call('pkg.Claims/Begin', cell);
    await until(async () => (await begin(cells)) === '0');
    const own = await begin(cells);
    const others = await Promise.all([1, 10, 100, cells - 1, cells + 1, 0].map(begin));

    const time = async (call: () => Promise<string>): Promise<number> => {
      const times: number[] = [];
      for (let at = 0; at < calls; at++) {
        const from = performance.now();
        await call();
        times.push(performance.now() - from);
      }
      return quantile(times, 0.5);
    };
    const plainMs = await time(() => call('pkg.Claims/Get', cells));
    const matchedMs = await time(() => begin(cells));

    const other = meshWith('nobody');
    const changed = performance.now();
    proxy.update({ ...inputs, mesh: other });
    await until(async () => (await begin(cells)) !== '0');
    const updateMs = performance.now() - changed;
    const round = (ms: number): number => Math.round(ms * 100) / 100;
    return {
      ok:
        findings === 0 &&
        own === '0' &&
        others.every((status) => status === '7') &&
        filterBytes < maxBytes &&
        matchedMs - plainMs < maxAddedMs &&
        updateMs < maxUpdateMs,
      figures: {
        cells,
        filterBytes,
        translateMs: round(translateMs),
        plainMedianMs: round(plainMs),
        matchedMedianMs: round(matchedMs),
        updateMs: round(updateMs),
        ownCell: own,
        otherCells: others.join(' '),
      },
    };
  },
};

const topology = 'topology' as ServiceKey;

function meshWith(rule: 'claims' | 'nobody') {
  const methods = ['Begin', 'Commit', 'Rollback', 'ListLeases', 'ListRecords'];
  const described = descriptorSet(
    'pkg.Claims',
    methods.map((name) => ({ name, fields: [{ name: 'cell_id', number: 3 }] })),
  );
  const names = Array.from({ length: cells }, (_, index) => `cell-${index + 1}`);
  const to = methods.map((name) => `{grpc: pkg.Claims/${name}, matchingCell: {field: cell_id}}`).join(', ');
  const from = rule === 'claims' ? '{eachCell: gitlab}' : '{spiffeId: "spiffe://td1/nobody"}';
  return meshOf(
    yaml(
      meshText('strict'),
      ...names.map((name, index) => cellText(name, index + 1)),
      ...names.map((name) => serviceText(`${name}/gitlab`)),
      serviceText('topology', 'grpc', `, grpc: {descriptorSet: "${Buffer.from(described).toString('base64')}"}`),
      policyText(
        'claims',
        'topology',
        'allow',
        `[{from: [${from}], to: [${to}]}, {from: [{authenticated: true}], to: [{grpc: pkg.Claims/Get}]}]`,
      ),
    ),
  );
}

/** A listener has its port before it listens: it waits for its secrets. */
function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port }, () => resolve(true));
    socket.on('error', () => resolve(false)).on('connect', () => socket.destroy());
  });
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 20_000;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error('not within 20 s');
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
