// A control plane that is a process of its own, with many streams of configuration, whose pushes and answers are timed: what access logs
// beside them cost.
import { readFileSync } from 'node:fs';
import type { FetchedSvid } from '../../src/sidecar/svid/svid-fetch.ts';
import { typeUrls } from '../../src/xds/resources/type-url.ts';
import { quantile } from '../qualification/support/quantile.ts';
import { createRawXdsClient, type DeltaStream } from './raw-xds-client.ts';
import { policyText, serviceText, yaml } from './resolve-text.ts';
import { type ServeProcess, startServeProcess } from './serve-process.ts';

export interface IntakeProxy {
  readonly service: string;
  readonly node: string;
  readonly svid: FetchedSvid;
}

export interface IntakeTimes {
  readonly pushes: number;
  readonly pushMedian: number;
  readonly pushP99: number;
  readonly slowestAnswer: number;
}

export interface IntakeWorld {
  readonly wall: ServeProcess;
  /** One of each service, which nothing is pushed to meanwhile. */
  readonly proxies: readonly IntakeProxy[];
  /** Pushes, and answers of the admin API, one after the other, for so long, and until there were so many. Milliseconds. */
  measure(ms: number, least?: number): Promise<IntakeTimes>;
  /** Calls that the control plane has counted. */
  counted(): Promise<number>;
  /** CPU that it has used, all threads, in milliseconds. */
  cpuMs(): number;
  stop(): Promise<void>;
}

/** The kernel's clock ticks, of which there are 100 in a second (sysconf(_SC_CLK_TCK)). */
const tickMs = 10;

export async function startIntakeWorld(streams: number): Promise<IntakeWorld> {
  const names = Array.from({ length: streams }, (_, at) => `s${at}`);
  const wall = await startServeProcess(
    yaml(
      'kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, mtls: {mode: permissive}}',
      serviceText('edited'),
      ...names.map((name) => serviceText(name)),
    ),
  );
  const closing: (() => void)[] = [];
  const connect = async (service: string): Promise<IntakeProxy & { readonly stream: DeltaStream }> => {
    const svid = await wall.enrol(service);
    const [certificate = '', key = '', root = ''] = [svid.chain, svid.key, svid.bundle].map((file) =>
      readFileSync(file, 'utf8'),
    );
    const client = createRawXdsClient(wall.ports.xds, { certificate, key, root });
    closing.push(() => client.close());
    const stream = client.delta();
    const node = `spiffe://td1/service/${service}~1`;
    stream.send({
      node: { id: node, metadata: { cellwall: { inbound: '127.0.0.1:4000', application: '127.0.0.1:1', run: 'r' } } },
      ...{ typeUrl: typeUrls.listener, resourceNamesSubscribe: ['*'] },
    });
    const { nonce } = await stream.next(20_000);
    stream.send({ typeUrl: typeUrls.listener, responseNonce: nonce });
    stream.send({ typeUrl: typeUrls.extension, resourceNamesSubscribe: [`${service}/authz-allow`] });
    const first = await stream.next(20_000);
    stream.send({ typeUrl: first.typeUrl, responseNonce: first.nonce });
    return { service, node, svid, stream };
  };
  const edited = await connect('edited');
  const proxies: IntakeProxy[] = [];
  for (const service of names) proxies.push(await connect(service));

  let turn = 0;
  /** From the store's yes to the proxy, in milliseconds. */
  const push = async ({ stream }: { readonly stream: DeltaStream }): Promise<number> => {
    const rules = `[{from: [{service: s${turn % 2}}], to: [{path: {exact: /${++turn}}}]}]`;
    const arrived = (async () => {
      for (;;) {
        const { typeUrl, nonce } = await stream.next(20_000);
        const at = performance.timeOrigin + performance.now();
        stream.send({ typeUrl, responseNonce: nonce });
        if (typeUrl === typeUrls.extension) return at;
      }
    })();
    arrived.catch(() => undefined);
    const answer = await wall.admin.apply({
      text: yaml(policyText('edited', 'edited', 'allow', rules)),
      urgent: true,
    });
    if (answer.kind === 'invalid') throw new Error(JSON.stringify(answer.problems));
    return (await arrived) - answer.acceptedAt;
  };
  return {
    wall,
    proxies,
    async measure(ms, least = 0) {
      const [pushes, answers]: [number[], number[]] = [[], []];
      const asked = [() => wall.admin.status(), () => wall.admin.proxies(), () => wall.admin.signals({ since: '1h' })];
      for (const end = performance.now() + ms; performance.now() < end || pushes.length < least; ) {
        pushes.push(await push(edited));
        answers.push(await timed(asked[pushes.length % asked.length] ?? (async () => undefined)));
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      const [pushMedian, pushP99] = [0.5, 0.99].map((q) => quantile(pushes, q));
      return {
        pushes: pushes.length,
        ...{ pushMedian: pushMedian ?? Number.NaN, pushP99: pushP99 ?? Number.NaN },
        slowestAnswer: Math.max(...answers),
      };
    },
    async counted() {
      const { edges } = await wall.admin.signals({ since: '1h' });
      return edges.reduce((sum, { inbound }) => sum + (inbound?.calls ?? 0), 0);
    },
    cpuMs() {
      const fields = readFileSync(`/proc/${wall.pid()}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
      return (Number(fields[11]) + Number(fields[12])) * tickMs;
    },
    async stop() {
      for (const close of closing) close();
      await wall.stop();
    },
  };
}

async function timed(run: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await run();
  return performance.now() - began;
}
