// A person at `redis-cli`: the real one (or valkey-cli) if it is on the PATH, else what it would send, on a connection of its own.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';

export interface RedisCli {
  /** `redis-cli`, `valkey-cli`, or `ioredis`. */
  readonly name: string;
  run(...command: readonly string[]): Promise<string>;
}

export function redisCli(url: string): RedisCli {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const name = ['redis-cli', 'valkey-cli'].find((one) => folders.some((folder) => existsSync(join(folder, one))));
  if (name === undefined) {
    return {
      name: 'ioredis',
      async run(command = '', ...args) {
        const client = new Redis(url, { lazyConnect: true });
        try {
          return String(await client.call(command, ...args));
        } finally {
          client.disconnect();
        }
      },
    };
  }
  return {
    name,
    run: async (...command) => (await promisify(execFile)(name, ['-u', url, ...command])).stdout.trim(),
  };
}
