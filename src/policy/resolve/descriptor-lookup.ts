// The gRPC descriptors of the ports of a service.
import type { Service } from '../../model/documents/service.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import { writtenPorts } from '../../model/service-ports.ts';
import type { PortKey } from '../ir.ts';
import { portKey } from '../ports.ts';
import { type GrpcDescriptors, readGrpcDescriptors } from './grpc-descriptors.ts';
import { serviceKey } from './names.ts';
import type { Problems } from './problems.ts';

/** For ports that have some. A set that cannot be read is a problem and left out. */
export function readDescriptors(
  parsed: ParsedDocument<Service>,
  problems: Problems,
): readonly (readonly [PortKey, GrpcDescriptors])[] {
  const read: (readonly [PortKey, GrpcDescriptors])[] = [];
  const { metadata } = parsed.document;
  for (const { name, protocol, grpc, place } of writtenPorts(parsed.document)) {
    if (grpc === undefined) continue;
    const descriptors = readOne(grpc.descriptorSet);
    if (descriptors !== undefined) read.push([portKey(serviceKey(metadata.name, metadata.cell), name), descriptors]);
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
  return read;
}

function readOne(base64: string): GrpcDescriptors | undefined {
  try {
    const descriptors = readGrpcDescriptors(Buffer.from(base64, 'base64'));
    return descriptors.size === 0 ? undefined : descriptors;
  } catch {
    return undefined;
  }
}
