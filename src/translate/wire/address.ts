// An IP (or, for DNS clusters, a name) and a TCP port; or a socket.
import { create } from '@bufbuild/protobuf';
import { type Address, AddressSchema } from '#gen/envoy/config/core/v3/address_pb.js';
import { defined } from '../../lib/defined.ts';

/** "::" means IPv4 as well. */
export function address(host: string, port: number): Address {
  return create(AddressSchema, {
    address: {
      case: 'socketAddress',
      value: {
        address: host,
        portSpecifier: { case: 'portValue', value: port },
        // Every address of the host, like most programs by default; Envoy's default would be only IPv6.
        ...(host === '::' ? { ipv4Compat: true } : {}),
      },
    },
  });
}

/** `mode`: for a socket that Envoy itself creates. */
export function socketAddress(path: string, mode?: number): Address {
  return create(AddressSchema, { address: { case: 'pipe', value: { path, ...defined({ mode }) } } });
}
