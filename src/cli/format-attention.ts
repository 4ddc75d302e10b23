// What somebody has to do about a proxy: one line each. Pure.
import type { ProxiesAnswer } from '../admin/wire.ts';
import { escapeLine } from '../lib/escape.ts';
import { relativeTime } from './time.ts';

type Proxy = ProxiesAnswer['proxies'][number];

export function attention({ state, since, contested }: Proxy, now: number): readonly string[] {
  const lines: string[] = [];
  if (state === 'gone') {
    const when = since === 0 ? '' : ` since ${relativeTime(since, now)}`;
    lines.push(`missed${when}: it went without a goodbye; start it again, or: cellwall node evict`);
  }
  if (contested !== undefined) {
    const { peer, inbound, at } = contested;
    const where = inbound === undefined ? '' : `, to listen at ${inbound.address}:${inbound.port}`;
    lines.push(
      `another proxy came under this name ${relativeTime(at, now)}, from ${escapeLine(peer)}${where}, and was refused: is its data folder a copy?`,
    );
  }
  return lines;
}
