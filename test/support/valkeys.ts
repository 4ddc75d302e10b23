// Valkeys as operators run them: a primary with a replica and Sentinels, a Cluster with replicas, and one behind TLS.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { Redis } from 'ioredis';
import { eventually } from './eventually.ts';
import { findValkey } from './find-valkey.ts';
import { freePorts } from './free-ports.ts';
import { createTestCa, writeTestCertificate } from './test-ca.ts';

const host = '127.0.0.1';

export interface Server {
  readonly port: number;
  /** On which nodes of a Cluster talk to each other. */
  readonly busPort: number;
  readonly child: ChildProcess;
  /** A command, and what it answers. */
  ask(...command: readonly (string | number)[]): Promise<unknown>;
}

/** The servers of a test, and what ends them. */
export interface Servers {
  /** `lines` of its configuration. `password`: of its default user, for `ask`. */
  start(lines: readonly string[], options?: { readonly sentinel?: true; readonly password?: string }): Promise<Server>;
  stop(): Promise<void>;
}

export function createServers(): Servers {
  const folder = mkdtempSync(join(tmpdir(), 'cellwall-valkeys-'));
  const children: ChildProcess[] = [];
  const clients: Redis[] = [];
  return {
    async start(lines, { sentinel, password } = {}) {
      const command = await findValkey(process.env, (message) => console.error(message));
      const [port = 0, busPort = 0] = await freePorts(2);
      const dir = join(folder, `${port}`);
      mkdirSync(dir);
      const config = join(dir, 'server.conf');
      const cluster = lines.includes('cluster-enabled yes') ? [`cluster-port ${busPort}`] : [];
      const quick = ['save ""', 'appendonly no', 'repl-diskless-sync-delay 0'];
      const common = [`port ${port}`, `bind ${host}`, 'loglevel warning', `dir ${dir}`];
      writeFileSync(config, [...common, ...(sentinel ? [] : quick), ...cluster, ...lines, ''].join('\n'));
      const child = spawn(command, [config, ...(sentinel ? ['--sentinel'] : [])], { stdio: 'ignore' });
      children.push(child);
      const login = password === undefined ? {} : { password };
      const client = new Redis({ host, port, ...login, retryStrategy: () => 50, enableReadyCheck: false });
      client.on('error', () => {});
      clients.push(client);
      const ask: Server['ask'] = (name = '', ...rest) => client.call(String(name), ...rest);
      await eventually(
        'it answers',
        async () => (await ask('PING').catch(() => undefined)) === 'PONG' || undefined,
        10_000,
      );
      return { port, busPort, child, ask };
    },
    async stop() {
      for (const client of clients) client.disconnect();
      for (const child of children) {
        if (child.exitCode !== null || child.signalCode !== null) continue;
        const gone = new Promise((resolve) => child.once('exit', resolve));
        child.kill('SIGKILL');
        await gone;
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export async function follows(replica: Server): Promise<void> {
  await eventually(
    'the replica follows',
    async () => String(await replica.ask('INFO', 'replication')).includes('master_link_status:up') || undefined,
    20_000,
  );
}

export interface Watched {
  readonly primary: Server;
  readonly replica: Server;
  readonly sentinels: readonly Server[];
}

/** A primary with a replica, and three Sentinels that call it `name`; `sentinelPassword` and more `lines` are theirs. */
export async function startWatched(
  servers: Servers,
  {
    name,
    lines = [],
    sentinelPassword,
    sentinelLines = [],
  }: {
    readonly name: string;
    readonly lines?: readonly string[];
    readonly sentinelPassword: string;
    readonly sentinelLines?: readonly string[];
  },
): Promise<Watched> {
  const primary = await servers.start(lines);
  const replica = await servers.start([...lines, `replicaof ${host} ${primary.port}`]);
  await follows(replica);
  const monitor = [
    ...[`requirepass "${sentinelPassword}"`, `sentinel sentinel-pass "${sentinelPassword}"`],
    `sentinel monitor ${name} ${host} ${primary.port} 2`,
    ...[`sentinel down-after-milliseconds ${name} 1000`, `sentinel failover-timeout ${name} 3000`],
    ...sentinelLines,
  ];
  const start = () => servers.start(monitor, { sentinel: true, password: sentinelPassword });
  const sentinels = [await start(), await start(), await start()];
  for (const sentinel of sentinels) {
    await eventually(
      'the Sentinels know the replica and each other',
      async () => {
        const replicas = JSON.stringify(await sentinel.ask('SENTINEL', 'REPLICAS', name));
        const others = await sentinel.ask('SENTINEL', 'SENTINELS', name);
        return (replicas.includes(String(replica.port)) && Array.isArray(others) && others.length === 2) || undefined;
      },
      20_000,
    );
  }
  return { primary, replica, sentinels };
}

export interface ClusterShard {
  readonly primary: Server;
  readonly replica: Server;
}

/** Three shards, each with a third of the slots and one replica. */
export async function startCluster(servers: Servers, lines: readonly string[] = []): Promise<readonly ClusterShard[]> {
  const node = () => servers.start([...lines, 'cluster-enabled yes', 'cluster-node-timeout 2000']);
  const shards: ClusterShard[] = [];
  for (const range of [
    [0, 5460],
    [5461, 10_922],
    [10_923, 16_383],
  ]) {
    const shard = { primary: await node(), replica: await node() };
    await shard.primary.ask('CLUSTER', 'ADDSLOTSRANGE', ...range);
    shards.push(shard);
  }
  const all = shards.flatMap(({ primary, replica }) => [primary, replica]);
  for (const one of all.slice(1)) await all[0]?.ask('CLUSTER', 'MEET', host, one.port, one.busPort);
  const settled = (one: Server) => async () => {
    const text = String(await one.ask('CLUSTER', 'INFO'));
    return (text.includes('cluster_state:ok') && text.includes('cluster_known_nodes:6')) || undefined;
  };
  for (const one of all) await eventually('the Cluster is whole', settled(one), 30_000);
  for (const { primary, replica } of shards) {
    await replica.ask('CLUSTER', 'REPLICATE', String(await primary.ask('CLUSTER', 'MYID')));
  }
  for (const { replica } of shards) await follows(replica);
  return shards;
}

/** TLS in front of a server; its name is `redis.test`, and it wants a certificate of the same CA. */
export async function startTls(to: number) {
  const folder = mkdtempSync(join(tmpdir(), 'cellwall-valkey-tls-'));
  const ca = await createTestCa('redis');
  const server = await ca.issue({ dns: ['redis.test'] });
  const files = writeTestCertificate(folder, await ca.issue({ dns: ['client.test'] }));
  const peers: string[] = [];
  const relay = createTlsServer(
    { ca: ca.root, cert: server.certificate, key: server.key, requestCert: true, rejectUnauthorized: true },
    (socket) => {
      peers.push(socket.getPeerCertificate().subjectaltname ?? '');
      const upstream = connectTcp({ host, port: to });
      const cut = (): void => {
        socket.destroy();
        upstream.destroy();
      };
      for (const end of [socket, upstream]) end.on('error', cut).on('close', cut);
      socket.pipe(upstream).pipe(socket);
    },
  );
  relay.on('tlsClientError', () => {});
  const open = new Set<{ destroy(): unknown }>();
  relay.on('connection', (socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
  });
  const [port = 0] = await freePorts(1);
  await new Promise<void>((resolve) => relay.listen(port, host, resolve));
  return {
    port,
    ca: files.root,
    cert: files.certificate,
    key: files.key,
    /** The names in the certificates of those who connected. */
    peers,
    /** Ends all its connections; how many there were. */
    cut(): number {
      const { size } = open;
      for (const socket of open) socket.destroy();
      return size;
    },
    issue: ca.issue,
    stop() {
      relay.close();
      for (const socket of open) socket.destroy();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
