// The gRPC descriptors of a service, read when a rule first asks, and once.
import type { Service } from '../../model/documents/service.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import type { ServiceKey } from '../ir.ts';
import { type GrpcDescriptors, readGrpcDescriptors } from './grpc-descriptors.ts';
import { serviceKey } from './names.ts';
import type { Problems } from './problems.ts';

export function createDescriptorLookup(
  services: readonly ParsedDocument<Service>[],
  problems: Problems,
): (service: ServiceKey) => GrpcDescriptors | undefined {
  const read = new Map<ServiceKey, GrpcDescriptors>();
  for (const parsed of services) {
    const { metadata, spec } = parsed.document;
    if (spec.grpc === undefined) continue;
    const descriptors = readOne(spec.grpc.descriptorSet);
    if (descriptors !== undefined) read.set(serviceKey(metadata.name, metadata.cell), descriptors);
    else {
      problems.error(parsed, ['spec', 'grpc', 'descriptorSet'], {
        code: 'bad-descriptor-set',
        message: 'no FileDescriptorSet in base64',
        hint: 'let `cellwall import grpc-access` write it, from `protoc --include_imports -o` or `buf build -o`',
      });
    }
    if (spec.protocol !== 'grpc' && spec.protocol !== 'http2') {
      problems.error(parsed, ['spec', 'grpc'], {
        code: 'grpc-on-http1',
        message: `gRPC descriptors on a service that speaks ${spec.protocol}`,
        hint: 'say `protocol: grpc`, or remove them',
      });
    }
  }
  return (service) => read.get(service);
}

function readOne(base64: string): GrpcDescriptors | undefined {
  try {
    const descriptors = readGrpcDescriptors(Buffer.from(base64, 'base64'));
    return descriptors.size === 0 ? undefined : descriptors;
  } catch {
    return undefined;
  }
}
