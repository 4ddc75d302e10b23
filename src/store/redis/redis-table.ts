// lib's Table on Redis: one key per entry, which Redis itself expires. Anybody who writes there can put anything: what is not text, not
// JSON or too long counts as absent, and the number of entries is limited.
import type { Json, Table, TableOptions } from '../../lib/table.ts';
import type { RedisLink } from './link.ts';
import { scanScript, textsScript } from './scripts.ts';

const maxEntries = 200_000;
const maxNameBytes = 8192;
const maxTextBytes = 4 * 1024 * 1024;
const atATime = 50;

export function createRedisTable(link: RedisLink, prefix: string): Table {
  const at = (key: string): string => prefix + key;
  const expiry = (options: TableOptions | undefined): readonly (string | number)[] =>
    options?.ttlMs === undefined ? [] : ['PX', Math.max(1, Math.ceil(options.ttlMs))];
  const texts = async (keys: readonly string[]): Promise<readonly unknown[]> => {
    const reply = await link.script(textsScript, keys, [String(maxTextBytes)]);
    return Array.isArray(reply) ? reply : [];
  };
  const get = async (key: string): Promise<Json | undefined> => {
    const [text] = await texts([at(key)]);
    return parse(text);
  };
  async function* entries(): AsyncGenerator<{ readonly key: string; readonly value: Json }, void> {
    const keys = new Set<string>();
    let cursor = '0';
    do {
      const reply = await link.script(scanScript, [], [cursor, `${escapeGlob(prefix)}*`, String(maxNameBytes)]);
      const [next, found] = Array.isArray(reply) ? reply : [];
      for (const key of Array.isArray(found) ? found : []) keys.add(String(key));
      cursor = String(next ?? '0');
    } while (cursor !== '0' && keys.size < maxEntries);
    const sorted = [...keys].sort().slice(0, maxEntries);
    for (let from = 0; from < sorted.length; from += atATime) {
      const some = sorted.slice(from, from + atATime);
      for (const [index, text] of (await texts(some)).entries()) {
        const [key = '', value] = [some[index], parse(text)];
        if (value !== undefined) yield { key: key.slice(prefix.length), value };
      }
    }
  }
  return {
    get,
    async set(key, value, options) {
      await link.command('SET', at(key), JSON.stringify(value), ...expiry(options));
    },
    async delete(key) {
      await link.command('DEL', at(key));
    },
    entries,
    async list() {
      const found: { readonly key: string; readonly value: Json }[] = [];
      for await (const entry of entries()) found.push(entry);
      return found;
    },
    async claim(key, value, options) {
      for (;;) {
        const won = await link.command('SET', at(key), JSON.stringify(value), 'NX', ...expiry(options));
        if (won === 'OK') return { won: true, value };
        const stored = await get(key);
        if (stored !== undefined) return { won: false, value: stored };
        // It expired between the two commands; or what is there is invalid, and belongs to nobody.
        if (Number(await link.command('EXISTS', at(key))) > 0) return { won: false, value: null };
      }
    },
  };
}

function parse(text: unknown): Json | undefined {
  if (typeof text !== 'string' || text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function escapeGlob(text: string): string {
  return text.replace(/[\\*?[\]^]/g, '\\$&');
}
