// The connection to Redis: the only file that knows ioredis. Every command has a timeout and fails at once while Redis is down;
// reconnecting backs off with jitter. No error that leaves this file contains the password from the address.
import { createHash } from 'node:crypto';
import { Redis, type RedisOptions } from 'ioredis';
import type { Log } from '../../lib/log.ts';
import type { Redacted } from '../../lib/redacted.ts';
import { redisError } from './redis-error.ts';

export interface RedisLink {
  command(name: string, ...args: readonly (string | number)[]): Promise<unknown>;
  /** Runs Lua, by its hash once Redis knows it. */
  script(source: string, keys: readonly string[], args: readonly string[]): Promise<unknown>;
  /** Why Redis cannot be used now; undefined when it can. */
  trouble(): string | undefined;
  close(): void;
}

export interface RedisLinkOptions {
  /** `redis://user:password@host:port/db`, or `rediss://` for TLS. */
  readonly url: Redacted<string>;
  readonly log: Log;
  readonly channel: string;
  /** A message on the channel, or a new connection: time to check. */
  readonly onNews: (message?: string) => void;
  /** A connection that stands, perhaps to another Redis than before, or to one that lost something. */
  readonly onConnected: () => void;
  readonly commandTimeoutMs: number;
}

export function createRedisLink({
  url,
  log,
  channel,
  onNews,
  onConnected,
  commandTimeoutMs,
}: RedisLinkOptions): RedisLink {
  let why = redisError(new Error('not connected yet'));
  const options = {
    commandTimeout: commandTimeoutMs,
    connectTimeout: commandTimeoutMs,
    keepAlive: 10_000,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    // Doubling from 50 ms to 5 s, half of it random, so that many clients do not reconnect in step.
    retryStrategy: (times: number) => Math.min(5000, 50 * 2 ** Math.min(times, 7)) * (0.5 + Math.random() / 2),
  } satisfies RedisOptions;
  const commands = new Redis(url.reveal(), options);
  const subscriber = new Redis(url.reveal(), { ...options, enableReadyCheck: false });
  for (const client of [commands, subscriber]) {
    client.on('error', (error: unknown) => {
      why = redisError(error);
      log.debug({ reason: why.message }, 'the connection to Redis failed');
    });
  }
  commands.on('ready', () => {
    onConnected();
    onNews();
  });
  subscriber.on('ready', () => {
    subscriber.subscribe(channel).then(
      () => onNews(),
      () => subscriber.disconnect(true),
    );
  });
  subscriber.on('message', (_channel: string, message: string) => onNews(message));
  const call = async (name: string, args: readonly (string | number)[]): Promise<unknown> => {
    if (commands.status !== 'ready') throw why;
    return commands.call(name, ...args);
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
      commands.disconnect();
      subscriber.disconnect();
    },
  };
}
