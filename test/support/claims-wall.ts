// A real Envoy before an application that takes claims of ten cells, and callers of each cell. The application judges by itself: a
// message names its sender in its first bytes field, and nobody but the wall keeps it from naming another cell in the other.
import { setTimeout as delay } from 'node:timers/promises';
import type { ServiceKey } from '../../src/policy/ir.ts';
import type { ProxyShape } from '../../src/translate/proxy.ts';
import { field, frame } from './proto-bytes.ts';
import { startRawGrpcApplication } from './raw-grpc-application.ts';
import { type RawGrpcCaller, startRawGrpcCaller } from './raw-grpc-caller.ts';
import { cellNumbers, type claimsMethods, tenCells } from './ten-cells.ts';
import { createTestCa, type TestCertificate } from './test-ca.ts';
import { startTranslatedProxy, type TranslatedProxy } from './translated-proxy.ts';

export interface ClaimsWall {
  readonly proxy: TranslatedProxy;
  readonly port: number;
  /** Messages that reached the application: those of the sender's own cell, and the others. */
  readonly arrived: { own: number; others: number };
  caller(cell: number): Promise<RawGrpcCaller>;
  /** Other rules, which say the same of the methods that are called. */
  changeRules(): void;
  readonly ruleChanges: number;
  stop(): Promise<void>;
}

const senderField = 15;
export type Claim = (typeof claimsMethods)[number];

/** `cell` in the field that the method's rule looks at, `sender` for the application. */
export function claim(method: Claim, cell: number, sender: number): Buffer {
  return frame(Buffer.concat([field(method === 'Begin' ? 3 : 1, cell), field(senderField, sender)]));
}

export async function startClaimsWall(concurrency: number): Promise<ClaimsWall> {
  const arrived = { own: 0, others: 0 };
  const application = await startRawGrpcApplication((body) => {
    // Frame (5), tag, cell, tag, sender: all numbers here are of one byte.
    if (body.length !== 9) return;
    if (body[6] === body[8]) arrived.own++;
    else arrived.others++;
  });
  const ca = await createTestCa();
  const mesh = tenCells();
  const key = 'topology' as ServiceKey;
  const service = mesh.services.get(key);
  if (service === undefined) throw new Error('no service');
  const bundles = { roots: ca.root, legacyAnchors: new Map() };
  const shape = {
    spiffeId: service.spiffeId,
    service: key,
    ports: [
      {
        name: 'default',
        inbound: { address: '127.0.0.1', port: 0 },
        application: { address: '127.0.0.1', port: application.port },
      },
    ],
  } satisfies ProxyShape;
  const proxy = await startTranslatedProxy(
    { mesh, endpoints: new Map(), bundles },
    shape,
    await ca.issue({ uri: shape.spiffeId }),
    ['--concurrency', String(concurrency)],
  );
  const port = await proxy.envoy.port('inbound');
  const svids = new Map<number, TestCertificate>();
  for (const cell of cellNumbers) {
    svids.set(cell, await ca.issue({ uri: `spiffe://td1/cell/cell-${cell}/service/gitlab` }));
  }
  const caller = (cell: number): Promise<RawGrpcCaller> => {
    const svid = svids.get(cell);
    if (svid === undefined) throw new Error(`no cell ${cell}`);
    return startRawGrpcCaller(port, svid);
  };
  await untilServed(caller);
  arrived.own = 0;
  let ruleChanges = 0;
  return {
    proxy,
    port,
    arrived,
    caller,
    changeRules() {
      proxy.update({ mesh: tenCells(++ruleChanges), endpoints: new Map(), bundles });
      proxy.ads.forgetLogs();
    },
    get ruleChanges() {
      return ruleChanges;
    },
    async stop() {
      await proxy.stop();
      await application.stop();
    },
  };
}

/** A listener has its port before it has its secrets, and before its rules. */
async function untilServed(caller: (cell: number) => Promise<RawGrpcCaller>): Promise<void> {
  const end = performance.now() + 20_000;
  while (performance.now() < end) {
    try {
      const one = await caller(1);
      const stream = one.open('pkg.Claims/Begin');
      if (stream !== undefined) {
        one.send(stream, claim('Begin', 1, 1), true);
        const answer = await one.answer(stream);
        one.close();
        if (answer === 'passed') return;
      }
    } catch {
      // Not yet.
    }
    await delay(20);
  }
  throw new Error('the wall does not serve');
}
