// lib's Table on Redis: a key an entry, which Redis itself expires.
import type { Json, Table, TableOptions } from '../../lib/table.ts';
import type { RedisLink } from './link.ts';

export function createRedisTable(link: RedisLink, prefix: string): Table {
  const at = (key: string): string => prefix + key;
  const expiry = (options: TableOptions | undefined): readonly (string | number)[] =>
    options?.ttlMs === undefined ? [] : ['PX', Math.max(1, Math.ceil(options.ttlMs))];
  const get = async (key: string): Promise<Json | undefined> => {
    const text = await link.command('GET', at(key));
    return typeof text === 'string' ? parse(text) : undefined;
  };
  return {
    get,
    async set(key, value, options) {
      await link.command('SET', at(key), JSON.stringify(value), ...expiry(options));
    },
    async delete(key) {
      await link.command('DEL', at(key));
    },
    async list() {
      const keys = new Set<string>();
      let cursor = '0';
      do {
        const reply = await link.command('SCAN', cursor, 'MATCH', `${escapeGlob(prefix)}*`, 'COUNT', 1000);
        const [next, found] = Array.isArray(reply) ? reply : [];
        for (const key of Array.isArray(found) ? found : []) keys.add(String(key));
        cursor = String(next ?? '0');
      } while (cursor !== '0');
      const sorted = [...keys].sort();
      const values = sorted.length === 0 ? [] : await link.command('MGET', ...sorted);
      return sorted.flatMap((key, index) => {
        const text: unknown = Array.isArray(values) ? values[index] : undefined;
        return typeof text === 'string' ? [{ key: key.slice(prefix.length), value: parse(text) }] : [];
      });
    },
    async claim(key, value, options) {
      for (;;) {
        const won = await link.command('SET', at(key), JSON.stringify(value), 'NX', ...expiry(options));
        if (won === 'OK') return { won: true, value };
        const stored = await get(key);
        // It may have expired between the two commands.
        if (stored !== undefined) return { won: false, value: stored };
      }
    },
  };
}

function parse(text: string): Json {
  return JSON.parse(text);
}

function escapeGlob(text: string): string {
  return text.replace(/[\\*?[\]^]/g, '\\$&');
}
