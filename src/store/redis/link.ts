// The connection to Redis: the only file that knows ioredis. Every command has a timeout and fails at once while Redis is down;
// reconnecting backs off with jitter. No error that leaves this file contains the password from the address.
import { createHash } from 'node:crypto';
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { defined } from '../../lib/defined.ts';
import type { Log } from '../../lib/log.ts';
import type { RedisConnection, RedisLogin } from './connection.ts';
import { redisError } from './redis-error.ts';
import type { RedisTls } from './tls-files.ts';

export interface RedisLink {
  command(name: string, ...args: readonly (string | number)[]): Promise<unknown>;
  /** Runs Lua, by its hash once Redis knows it. */
  script(source: string, keys: readonly string[], args: readonly string[]): Promise<unknown>;
  /** Why Redis cannot be used now; undefined when it can. */
  trouble(): string | undefined;
  close(): void;
}

export interface RedisLinkOptions {
  readonly connection: RedisConnection;
  readonly log: Log;
  /** Absent: no messages are listened to. */
  readonly channel?: string;
  /** A message on the channel, or a new connection: time to check. */
  readonly onNews?: (message?: string) => void;
  /** A connection that stands, perhaps to another Redis than before, or to one that lost something. */
  readonly onConnected?: () => void;
  readonly commandTimeoutMs: number;
}

/** After so many commands in a row without an answer, the connection is taken for dead: a new one may lead to another server. */
const maxUnanswered = 3;
/** A replica that refuses writes may have been the primary until now: another connection is tried, but not more often than this. */
const readOnlyMs = 5000;

export function createRedisLink({
  connection,
  log,
  channel,
  onNews = () => {},
  onConnected = () => {},
  commandTimeoutMs,
}: RedisLinkOptions): RedisLink {
  let why = redisError(new Error('not connected yet'));
  let unanswered = 0;
  const commands = connect(connection, commandTimeoutMs, true);
  const subscriber = channel === undefined ? undefined : connect(connection, commandTimeoutMs, false);
  const clients = [commands, ...(subscriber === undefined ? [] : [subscriber])];
  const failed = (error: unknown): void => {
    why = redisError(error);
    log.debug({ reason: why.message }, 'the connection to Redis failed');
  };
  for (const client of clients) {
    client.on('error', failed);
    // A Sentinel, or a node of a Cluster.
    client.on('sentinelError', failed);
    client.on('node error', failed);
  }
  // A Cluster stays connected when it loses a node: its successor may lack what was written last.
  commands.on('-node', onConnected);
  const reconnect = (client: Redis | Cluster): void => {
    if (client instanceof Redis) client.disconnect(true);
  };
  const stopWatching = watchSwitches(connection, commandTimeoutMs, () => {
    for (const client of clients) reconnect(client);
  });
  commands.on('ready', () => {
    onConnected();
    onNews();
  });
  subscriber?.on('ready', () => {
    subscriber.subscribe(channel ?? '').then(
      () => onNews(),
      () => subscriber.disconnect(true),
    );
  });
  subscriber?.on('message', (_channel: string, message: string) => onNews(message));
  const call = async (name: string, args: readonly (string | number)[]): Promise<unknown> => {
    if (commands.status !== 'ready') throw why;
    try {
      const answer = await commands.call(name, ...args);
      unanswered = 0;
      return answer;
    } catch (error) {
      unanswered = error instanceof Error && /timed out/i.test(error.message) ? unanswered + 1 : 0;
      // A Cluster looks for its nodes by itself.
      if (unanswered >= maxUnanswered && commands instanceof Redis) {
        unanswered = 0;
        failed(error);
        reconnect(commands);
      }
      throw error;
    }
  };
  return {
    async command(name, ...args) {
      try {
        return await call(name, args);
      } catch (error) {
        throw redisError(error);
      }
    },
    async script(source, keys, args) {
      const sha = createHash('sha1').update(source).digest('hex');
      try {
        return await call('EVALSHA', [sha, keys.length, ...keys, ...args]).catch((error: unknown) => {
          if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
          return call('EVAL', [source, keys.length, ...keys, ...args]);
        });
      } catch (error) {
        throw redisError(error);
      }
    },
    trouble: () => (commands.status === 'ready' ? undefined : why.message),
    close() {
      stopWatching();
      for (const client of clients) client.disconnect();
    },
  };
}

function connect({ target, login, tls }: RedisConnection, timeoutMs: number, readyCheck: boolean): Redis | Cluster {
  // Doubling from 50 ms to 5 s, half of it random, so that many clients do not reconnect in step.
  const backOff = (times: number): number => Math.min(5000, 50 * 2 ** Math.min(times, 7)) * (0.5 + Math.random() / 2);
  const common = {
    commandTimeout: timeoutMs,
    connectTimeout: timeoutMs,
    disconnectTimeout: 500,
    keepAlive: 10_000,
    autoResubscribe: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    // One more command that an ACL would have to allow.
    disableClientInfo: true,
    ...credentials(login),
    ...(tls === undefined ? {} : { tls: tlsOptions(tls) }),
  } satisfies RedisOptions;
  if (target.kind === 'cluster') {
    return new Cluster(
      target.nodes.map((node) => ({ ...node })),
      {
        redisOptions: common,
        enableOfflineQueue: false,
        enableReadyCheck: true,
        clusterRetryStrategy: backOff,
        slotsRefreshTimeout: timeoutMs,
        slotsRefreshInterval: 5000,
      },
    );
  }
  let lastReadOnly = Number.NEGATIVE_INFINITY;
  const options = {
    ...common,
    db: target.db,
    enableOfflineQueue: false,
    enableReadyCheck: readyCheck,
    retryStrategy: backOff,
    reconnectOnError(error) {
      if (!error.message.startsWith('READONLY') || performance.now() - lastReadOnly < readOnlyMs) return false;
      lastReadOnly = performance.now();
      return true;
    },
  } satisfies RedisOptions;
  if (target.kind === 'server') return new Redis({ ...options, host: target.host, port: target.port });
  const { username: sentinelUsername, password: sentinelPassword } = credentials(target.login);
  return new Redis({
    ...options,
    name: target.name,
    sentinels: target.sentinels.map((sentinel) => ({ ...sentinel })),
    ...defined({ sentinelUsername, sentinelPassword }),
    ...(tls === undefined ? {} : { enableTLSForSentinelMode: true, sentinelTLS: tlsOptions(tls) }),
    sentinelCommandTimeout: timeoutMs,
    sentinelRetryStrategy: backOff,
  });
}

/**
 * A primary that hangs closes no connection: its Sentinels tell of a successor. The function returned ends it. (ioredis has the same as
 * `failoverDetector`, which prints what fails on stderr, and heeds primaries of other names.)
 */
function watchSwitches(connection: RedisConnection, timeoutMs: number, onSwitch: () => void): () => void {
  const { target, tls } = connection;
  if (target.kind !== 'sentinel') return () => {};
  const clients = target.sentinels.map(({ host, port }) => {
    const server = { kind: 'server', db: 0, host, port } as const;
    const client = connect({ login: target.login, ...defined({ tls }), target: server }, timeoutMs, false);
    client.on('error', () => {});
    client.on('ready', () => void client.subscribe('+switch-master').catch(() => client.disconnect()));
    // "NAME OLD-HOST OLD-PORT HOST PORT"
    client.on('message', (_, text: unknown) => String(text).startsWith(`${target.name} `) && onSwitch());
    return client;
  });
  return () => {
    for (const client of clients) client.disconnect();
  };
}

function credentials({ username, password }: RedisLogin): { readonly username?: string; readonly password?: string } {
  return defined({ username, password: password?.reveal() });
}

/** Getters: they are read for every connection. */
function tlsOptions({ ca, cert, key, servername }: RedisTls): NonNullable<RedisOptions['tls']> {
  return {
    ...defined({ servername }),
    get ca() {
      return ca?.();
    },
    get cert() {
      return cert?.();
    },
    get key() {
      return key?.().reveal();
    },
  };
}
