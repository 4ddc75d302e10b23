// The attackers of others-untouched.test.ts, in a process of their own, so that what they cost themselves delays no measurement:
// `node floods.ts '{"name": …}'` floods until it is told to stop, as fast as it is let, and then says how often it tried.
import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { connect } from 'node:net';
import { createIdentityClient } from '../../../src/identity-api/client.ts';
import { identityPaths } from '../../../src/identity-api/identity-protocol.ts';
import { makeKey } from '../../../src/sidecar/svid/node-key.ts';
import { typeUrls } from '../../../src/xds/resources/type-url.ts';
import { createLogClient, httpEntry, httpLogs, identifier } from '../../support/log-stream.ts';
import { createRawXdsClient } from '../../support/raw-xds-client.ts';

export interface Flood {
  readonly name: FloodName;
  readonly ports: { readonly xds: number; readonly identity: number; readonly admin: number };
  /** Files of the attacker's own SVID. */
  readonly svid: { readonly chain: string; readonly key: string; readonly bundle: string };
}

export type FloodName =
  | 'forged access logs'
  | 'silent connections'
  | 'subscriptions to 10,000 names'
  | 'refused requests'
  | 'renewals'
  | 'instances';

type Attack = (flood: Flood, tried: () => void) => Promise<unknown>;

const attackerId = 'spiffe://td1/service/w';
const read = (file: string): string => readFileSync(file, 'utf8');
const long = 'x'.repeat(1900);

/** `one` again and again, so many at a time. It answers when it may be tried again. */
const many =
  (lanes: number, one: (flood: Flood, lane: number, time: number) => Promise<unknown>): Attack =>
  (flood, tried) =>
    Promise.all(
      Array.from({ length: lanes }, async (_, lane) => {
        for (let time = 0; ; time++) {
          tried();
          await one(flood, lane, time).catch(() => undefined);
        }
      }),
    );

function xdsClient({ ports, svid }: Flood) {
  return createRawXdsClient(ports.xds, { certificate: read(svid.chain), key: read(svid.key), root: read(svid.bundle) });
}

const attacks: Readonly<Record<FloodName, Attack>> = {
  async 'forged access logs'({ ports, svid }, tried) {
    const client = createLogClient(ports.xds, svid);
    let number = 0;
    await many(4, async () => {
      const stream = client.open();
      await stream.send(identifier(`${attackerId}~1`, 'inbound/w/mtls'));
      while (!stream.isOver()) {
        const entries = Array.from({ length: 100 }, () => {
          const principal = `spiffe://td1/${number++}/${long}`;
          tried();
          return httpEntry({ principal, policy: number % 3 === 0 ? '!cellwall/break-glass' : 'p', path: `/${number}` });
        });
        await stream.send(httpLogs(entries));
      }
    })({ name: 'forged access logs', ports, svid }, () => undefined);
  },
  // Each is opened again once it is ended.
  'silent connections': many(1500, ({ ports }, lane) => {
    const port = [ports.xds, ports.identity, ports.admin][lane % 3] ?? 0;
    const first = [undefined, Buffer.from([0x16]), Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01])][(lane % 7) % 3];
    return new Promise<void>((resolve) => {
      const socket = connect({ host: '127.0.0.1', port }, () => first !== undefined && socket.write(first));
      socket.on('error', () => undefined);
      socket.on('close', () => setTimeout(resolve, 50));
    });
  }),
  async 'subscriptions to 10,000 names'(flood, tried) {
    const client = xdsClient(flood);
    await many(20, async (_, lane, time) => {
      const node = { id: `${attackerId}~s${lane % 8}` };
      const stream = lane % 2 === 0 ? client.delta() : undefined;
      const sotw = lane % 2 === 0 ? undefined : client.sotw();
      for (const typeUrl of Object.values(typeUrls)) {
        // As a message takes at most: with 10,000 of 4 KB it would be refused unread.
        const names = Array.from({ length: 10_000 }, (_, name) => `${time}/${name}/`.padEnd(150, 'x'));
        stream?.send({ node, typeUrl, resourceNamesSubscribe: names });
        sotw?.send({ node, typeUrl, resourceNames: names });
      }
      await (stream ?? sotw)?.ended;
    })(flood, tried);
  },
  'refused requests': many(16, ({ ports }) => {
    const body = JSON.stringify({ evidence: { attestor: 'join-token', token: long }, csr: 'x' });
    return new Promise<void>((resolve, reject) => {
      const at = { host: '127.0.0.1', port: ports.identity, path: identityPaths.attest, method: 'POST', agent: false };
      const outgoing = request({ ...at, rejectUnauthorized: false }, (response) => {
        response.resume();
        response.on('close', () => resolve());
      });
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }),
  async renewals(flood, tried) {
    const { ports, svid } = flood;
    const client = createIdentityClient({ host: '127.0.0.1', port: ports.identity, roots: read(svid.bundle) });
    const currentKey = createPrivateKey(read(svid.key));
    const key = await makeKey();
    const chain = read(svid.chain);
    await many(8, () => client.renew({ chain, currentKey, key }))(flood, tried);
  },
  async instances(flood, tried) {
    const client = xdsClient(flood);
    await many(8, async (_, lane, time) => {
      const stream = client.delta();
      const metadata = {
        cellwall: { inbound: `127.0.0.1:${1000 + (time % 60_000)}`, application: '127.0.0.1:1', run: `${time}` },
      };
      stream.send({
        node: { id: `${attackerId}~i${lane}-${time}`, metadata },
        typeUrl: typeUrls.cluster,
        resourceNamesSubscribe: ['*'],
      });
      await stream.next().catch(() => undefined);
      stream.cancel();
      await stream.ended;
    })(flood, tried);
  },
};

export const floodNames = Object.keys(attacks) as readonly FloodName[];

if (process.send !== undefined && process.argv[2] !== undefined) {
  let tries = 0;
  const flood = JSON.parse(process.argv[2]) as Flood;
  // Whoever started it is gone.
  process.once('disconnect', () => process.exit());
  process.once('message', () => process.send?.(tries, () => process.exit()));
  void attacks[flood.name](flood, () => {
    tries++;
  });
}
