// A DNS server for one test, and an Envoy (a script) that asks it: names have the addresses that the test says, of either family.
import { createSocket } from 'node:dgram';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface DnsServer {
  readonly port: number;
  stop(): void;
}

/** By name: IPv4 addresses, and 16-byte IPv6 ones in hexadecimal. */
export type DnsNames = Readonly<Record<string, { readonly v4: readonly string[]; readonly v6: readonly string[] }>>;

export const loopback6Hex = '00000000000000000000000000000001';

export async function startDnsServer(names: DnsNames): Promise<DnsServer> {
  const socket = createSocket('udp4');
  socket.on('message', (query, peer) => socket.send(answerTo(query, names), peer.port, peer.address));
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return { port: socket.address().port, stop: () => void socket.close() };
}

function answerTo(query: Buffer, names: DnsNames): Buffer {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  const type = query.readUInt16BE(at + 1);
  const known = names[labels.join('.').toLowerCase()];
  const data =
    type === 1
      ? (known?.v4 ?? []).map((address) => Buffer.from(address.split('.').map(Number)))
      : type === 28
        ? (known?.v6 ?? []).map((hex) => Buffer.from(hex, 'hex'))
        : [];
  const records = data.map((address) => {
    const head = Buffer.from('c00c0000000100000001000000', 'hex').subarray(0, 12);
    head.writeUInt16BE(type, 2);
    head.writeUInt16BE(address.length, 10);
    return Buffer.concat([head, address]);
  });
  const head = Buffer.from(query.subarray(0, 12));
  head.writeUInt16BE(known === undefined ? 0x8183 : 0x8180, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(records.length, 6);
  head.writeUInt32BE(0, 8);
  return Buffer.concat([head, query.subarray(12, at + 5), ...records]);
}

/** The path of the script in `folder`. */
export function envoyAsking(folder: string, binary: string, dnsPort: number): string {
  const resolver = {
    name: 'envoy.network.dns_resolver.cares',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig',
      resolvers: [{ socket_address: { address: '127.0.0.1', port_value: dnsPort } }],
    },
  };
  const more = JSON.stringify({ typed_dns_resolver_config: resolver }).slice(1);
  const path = join(folder, 'envoy.sh');
  // $2 is the bootstrap's path, $4 what is merged into it; `--version` alone is handed on.
  const script = [
    '#!/bin/sh',
    `[ "$1" = --config-path ] || exec '${binary}' "$@"`,
    'path=$2 yaml=$4; shift 4',
    `exec '${binary}' --config-path "$path" "$@" --config-yaml "\${yaml%\\}},"'${more}'`,
  ];
  writeFileSync(path, `${script.join('\n')}\n`, { mode: 0o755 });
  return path;
}
