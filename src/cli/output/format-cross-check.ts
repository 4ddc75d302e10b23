// For `cellwall status`: what Envoys counted themselves compared with what their logs reported. Pure.
import type { ProxiesAnswer } from '../../admin/wire-proxies.ts';
import { missingWords } from '../../lib/missing-in-log.ts';
import { formatTable } from './table.ts';
import { relativeTime } from './time.ts';

export function formatCrossCheck(
  proxies: readonly ProxiesAnswer['proxies'][number][],
  now: number,
  width?: number,
): string {
  const rows = proxies.map(({ node, crossChecked }) => {
    const name = node.replace(/^spiffe:\/\//, '');
    if (crossChecked === undefined) return [name, '-', '-', '-', '-', 'not cross-checked'];
    const { at, told, counters } = crossChecked;
    const of = (counter: string): number => counters[counter] ?? 0;
    const counted = of('mtlsRequests') + of('plainRequests') + of('healthRequests') + of('tcpConnections');
    return [
      name,
      String(counted),
      String(told),
      String(of('dropped')),
      `${of('noCertificate')} of ${of('handshakes')}`,
      relativeTime(at, now),
    ];
  });
  const lost = proxies.flatMap(({ node, missing = [] }) =>
    missing.map((one) => `${node.replace(/^spiffe:\/\//, '')} ${missingWords(one)}\n`),
  );
  return [
    formatTable(['LOG OF', 'COUNTED', 'TOLD', 'DROPPED', 'TLS WITHOUT CERTIFICATE', 'CHECKED'], rows, width),
    ...(lost.length === 0 ? [] : ['\nthe log lacks calls of these times:\n', ...lost.map((line) => `  ${line}`)]),
  ].join('');
}
