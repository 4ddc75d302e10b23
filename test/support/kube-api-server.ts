// A real API server of Kubernetes on Debian's etcd, without nodes: what reads and writes objects works.
import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { z } from 'zod';
import { type Background, start } from '../qualification/support/command.ts';
import { eventually } from './eventually.ts';
import { freePorts } from './free-ports.ts';
import { createTestCa } from './test-ca.ts';

export interface KubeApiServer {
  readonly url: string;
  /** PEM of the CA of its certificate, a file. */
  readonly caFile: string;
  readonly issuer: string;
  /** As an administrator of the cluster; the answer's JSON. Throws with the status for any but 2xx. */
  call(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<unknown>;
  /** A token of a service account, for an audience; of one of its pods, if given. */
  token(account: TokenOf): Promise<string>;
  /** It hangs, or goes on. */
  signal(name: 'SIGSTOP' | 'SIGCONT'): void;
  stop(): Promise<void>;
}

export interface TokenOf {
  readonly namespace: string;
  readonly account: string;
  readonly audience: string;
  readonly pod?: { readonly name: string; readonly uid: string };
}

const issued = z.looseObject({ status: z.looseObject({ token: z.string() }) });
const admin = 'of-the-administrator';

export async function startKubeApiServer(program: string, folder: string): Promise<KubeApiServer> {
  const [client = 0, peer = 0, port = 0] = await freePorts(3);
  const path = (name: string): string => join(folder, name);
  const ca = await createTestCa('of the cluster');
  const own = await ca.issue({ ip: ['127.0.0.1'] });
  const accounts = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const issuer = 'https://kubernetes.test';
  writeFileSync(path('ca.pem'), ca.root);
  writeFileSync(path('server.pem'), own.certificate);
  writeFileSync(path('server.key'), own.key, { mode: 0o600 });
  writeFileSync(path('accounts.key'), accounts.privateKey.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600 });
  writeFileSync(path('accounts.pub'), accounts.publicKey.export({ format: 'pem', type: 'spki' }));
  writeFileSync(path('people.csv'), `${admin},admin,1,"system:masters"\n`, { mode: 0o600 });
  const at = (of: number): string => `http://127.0.0.1:${of}`;
  const etcd = start(
    'etcd',
    [
      ...['--data-dir', path('etcd'), '--listen-client-urls', at(client), '--advertise-client-urls', at(client)],
      ...['--listen-peer-urls', at(peer), '--initial-advertise-peer-urls', at(peer)],
      ...['--initial-cluster', `default=${at(peer)}`],
    ],
    { cwd: folder },
  );
  const server = start(
    program,
    [
      ...[`--etcd-servers=${at(client)}`, `--secure-port=${port}`, '--bind-address=127.0.0.1', `--cert-dir=${folder}`],
      ...[`--tls-cert-file=${path('server.pem')}`, `--tls-private-key-file=${path('server.key')}`],
      ...[`--service-account-issuer=${issuer}`, `--service-account-key-file=${path('accounts.pub')}`],
      ...[`--service-account-signing-key-file=${path('accounts.key')}`, '--authorization-mode=RBAC'],
      ...['--service-cluster-ip-range=10.0.0.0/24', `--token-auth-file=${path('people.csv')}`],
    ],
    { cwd: folder },
  );
  const url = `https://127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    await server.stop();
    await etcd.stop();
  };
  const call: KubeApiServer['call'] = async (method, where, body) => {
    const { status, text } = await ask({ url: `${url}${where}`, method, ca: ca.root, body });
    if (status >= 200 && status < 300) return JSON.parse(text);
    throw new Error(`${method} ${where}: ${status} ${text.slice(0, 500)}`);
  };
  await eventually('the API server is ready', () => ready(call, server, etcd), 120_000).catch(
    async (reason: unknown) => {
      await stop();
      throw new Error(`${String(reason)}: ${server.log().slice(-2000)} ${etcd.log().slice(-1000)}`);
    },
  );
  return {
    ...{ url, caFile: path('ca.pem'), issuer, call, stop },
    async token({ namespace, account, audience, pod }) {
      const boundObjectRef = pod && { apiVersion: 'v1', kind: 'Pod', ...pod };
      const answer = await call('POST', `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`, {
        ...{ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest' },
        spec: { audiences: [audience], expirationSeconds: 600, ...(boundObjectRef && { boundObjectRef }) },
      });
      return issued.parse(answer).status.token;
    },
    signal: (name) => void process.kill(server.pid, name),
  };
}

async function ready(call: KubeApiServer['call'], ...running: readonly Background[]): Promise<true | undefined> {
  if (running.some((one) => !one.running())) throw new Error('it ended');
  // Its roles are written after it answers.
  return call('GET', '/apis/rbac.authorization.k8s.io/v1/clusterroles/system:auth-delegator').then(
    () => true as const,
    () => undefined,
  );
}

interface Ask {
  readonly url: string;
  readonly method: string;
  readonly ca: string;
  readonly body: object | undefined;
}

function ask({ url, method, ca, body }: Ask): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${admin}`, 'content-type': 'application/json' };
    const asked = request(url, { method, ca, headers, timeout: 10_000 }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (more: string) => {
        text += more;
      });
      answer.on('error', reject);
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
    });
    asked.on('timeout', () => asked.destroy(new Error('no answer')));
    asked.on('error', reject);
    asked.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
