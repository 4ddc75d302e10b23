// The gRPC descriptors of a service's port, parsed once, when a rule first needs them.
import type { Service } from '../../model/documents/service.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import { writtenPorts } from '../../model/service-ports.ts';
import type { PortKey } from '../ir.ts';
import { portKey } from '../ports.ts';
import { type GrpcDescriptors, readGrpcDescriptors } from './grpc-descriptors.ts';
import { serviceKey } from './names.ts';
import type { Problems } from './problems.ts';

export function createDescriptorLookup(
  services: readonly ParsedDocument<Service>[],
  problems: Problems,
): (port: PortKey) => GrpcDescriptors | undefined {
  const read = new Map<PortKey, GrpcDescriptors>();
  for (const parsed of services) {
    const { metadata } = parsed.document;
    for (const { name, protocol, grpc, place } of writtenPorts(parsed.document)) {
      if (grpc === undefined) continue;
      const descriptors = readOne(grpc.descriptorSet);
      if (descriptors !== undefined) read.set(portKey(serviceKey(metadata.name, metadata.cell), name), descriptors);
      else {
        problems.error(parsed, [...place, 'grpc', 'descriptorSet'], {
          code: 'bad-descriptor-set',
          message: 'not a FileDescriptorSet in base64',
          hint: 'let `cellwall import grpc-access` write it, from `protoc --include_imports -o` or `buf build -o`',
        });
      }
      if (protocol !== 'grpc' && protocol !== 'http2') {
        problems.error(parsed, [...place, 'grpc'], {
          code: 'grpc-on-http1',
          message: `gRPC descriptors on a service that speaks ${protocol}`,
          hint: 'say `protocol: grpc`, or remove them',
        });
      }
    }
  }
  return (port) => read.get(port);
}

function readOne(base64: string): GrpcDescriptors | undefined {
  try {
    const descriptors = readGrpcDescriptors(Buffer.from(base64, 'base64'));
    return descriptors.size === 0 ? undefined : descriptors;
  } catch {
    return undefined;
  }
}
