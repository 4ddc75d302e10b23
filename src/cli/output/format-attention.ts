// What somebody has to do about a proxy: one line each. Pure.
import type { ProxiesAnswer } from '../../admin/wire-proxies.ts';
import { backdateMs, maxBehindMs } from '../../identity/rotation.ts';
import { escapeLine } from '../../lib/escape.ts';
import { formatHostPort } from '../../lib/host-port.ts';
import { defaultPort } from '../../lib/port-name.ts';
import { proxyPorts } from './proxy-ports.ts';
import { socketFaults } from './socket-faults.ts';
import { relativeTime } from './time.ts';

type Proxy = ProxiesAnswer['proxies'][number];

const clockWorthSayingMs = 30_000;
const lateWorthSayingMs = 10_000;

/** Empty if nothing has to be done. */
export function attention(proxy: Proxy, now: number): readonly string[] {
  const { state, since, contested, certificate, clockOffsetMs = 0, takenPorts = [], withheld, types } = proxy;
  const lines: string[] = [];
  if (state === 'gone') {
    const when = since === 0 ? '' : ` since ${relativeTime(since, now)}`;
    lines.push(`missing${when}: it disappeared without deregistering; start it again, or: cellwall node evict`);
  }
  const ended = certificate === undefined || certificate.notAfter > now ? undefined : certificate.notAfter;
  if (ended !== undefined && state !== 'gone') {
    lines.push(
      `without a valid certificate since ${relativeTime(ended, now)}: calls from and to it fail; it gets one by itself as soon as ` +
        `it is issued one: its log and "cellwall doctor svid" say why it is not`,
    );
  }
  if (Math.abs(clockOffsetMs) >= clockWorthSayingMs) {
    const seconds = Math.round(Math.abs(clockOffsetMs) / 1000);
    const side = clockOffsetMs > 0 ? 'ahead of' : 'behind';
    lines.push(
      `the clock of its host is ${seconds} s ${side} the control plane's: synchronize it${borne(-clockOffsetMs)}`,
    );
  }
  if (withheld !== undefined) {
    lines.push(
      `it keeps its present configuration, as the new one was not sent: ${escapeLine(withheld)}; revert ` +
        `the last change of its service or of what it calls, and report this`,
    );
  }
  const late = state === 'connected' ? types.filter(isLate(now)) : [];
  if (late.length > 0) {
    const since = Math.min(...late.map(({ behindSince = now }) => behindSince));
    const what = late.map(({ typeUrl }) => typeUrl.slice(typeUrl.lastIndexOf('.') + 1)).join(', ');
    lines.push(
      `it has not accepted ${escapeLine(what)}, which it was sent ${relativeTime(since, now)}: what was changed does not hold ` +
        `there yet; is its Envoy stopped, or without CPU?`,
    );
  }
  if (contested !== undefined) {
    const { peer, inbound, at } = contested;
    const where = inbound === undefined ? '' : `, to listen at ${formatHostPort(inbound)}`;
    lines.push(
      `another proxy connected under this name ${relativeTime(at, now)}, from ${escapeLine(peer)}${where}, ` +
        `and was refused: is its data folder a copy?`,
    );
  }
  for (const { address, port, holder } of takenPorts) {
    const at = formatHostPort({ address, port });
    const own = proxyPorts(proxy).find(({ inbound }) => inbound?.address === address && inbound.port === port);
    const name = own === undefined || own.name === defaultPort ? '' : ` ${own.name}=…`;
    const change = own === undefined ? 'change dependsOn.listen' : `start its sidecar with another --listen${name}`;
    lines.push(`it cannot listen on ${at}, which is held by ${escapeLine(holder)}: stop that, or ${change}`);
  }
  lines.push(...socketFaults(proxy.types.flatMap(({ nack }) => (nack === undefined ? [] : [nack.message]))));
  return lines;
}

/** It says nothing to what it was sent; what it rejects is told elsewhere. */
function isLate(now: number) {
  return ({ behindSince, nack }: Proxy['types'][number]): boolean =>
    behindSince !== undefined && nack === undefined && now - behindSince >= lateWorthSayingMs;
}

/** What happens to a host whose clock is so far behind. */
function borne(behindMs: number): string {
  if (behindMs <= backdateMs) return '';
  return behindMs > maxBehindMs
    ? '; until then it refuses the certificates of others, and others refuse its own'
    : '; certificates begin earlier for it, each from its next renewal on (now: cellwall certs rotate)';
}
