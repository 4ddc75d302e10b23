// Descriptors of gRPC requests as far as rules look into them: for each method a message with the fields that are read. What is
// not in it is skipped, as any unknown field.
import { create, toBinary } from '@bufbuild/protobuf';
import {
  type DescriptorProto,
  DescriptorProtoSchema,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  MethodDescriptorProtoSchema,
} from '@bufbuild/protobuf/wkt';
import type { MatchingCellIr } from '../../policy/ir.ts';
import { requestPackage } from '../names.ts';

/** By `package.Service/Method`. */
export type ReadFields = ReadonlyMap<string, readonly MatchingCellIr[]>;

const messagesFile = 'cellwall.proto';

export function requestDescriptors(fields: ReadFields): Uint8Array {
  const messages = new Map<string, DescriptorProto>();
  const services = new Map<string, FileDescriptorProto>();
  for (const [name, read] of fields) {
    const message = messageOf(read);
    messages.set(message.name, message);
    const [service = '', method = ''] = name.split('/');
    const file = services.get(service) ?? fileOf(service);
    services.set(service, file);
    const type = `.${requestPackage}.${message.name}`;
    file.service[0]?.method.push(
      create(MethodDescriptorProtoSchema, { name: method, inputType: type, outputType: type }),
    );
  }
  const requests = create(FileDescriptorProtoSchema, {
    name: messagesFile,
    package: requestPackage,
    syntax: 'proto3',
    messageType: [...messages.values()],
  });
  return toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file: [requests, ...services.values()] }));
}

function fileOf(service: string): FileDescriptorProto {
  const dot = service.lastIndexOf('.');
  return create(FileDescriptorProtoSchema, {
    name: `${service}.proto`,
    package: dot === -1 ? '' : service.slice(0, dot),
    syntax: 'proto3',
    dependency: [messagesFile],
    service: [{ name: service.slice(dot + 1) }],
  });
}

/** Named by its content: methods whose requests are read alike share one. */
function messageOf(read: readonly MatchingCellIr[]): DescriptorProto {
  return create(DescriptorProtoSchema, {
    name: ['Request', ...read.map(({ field, number, type }) => `${field}_${number}_${type}`)].join('_'),
    field: read.map(({ field, number, type }) => ({
      name: field,
      // In metadata it has the name that documents have.
      jsonName: field,
      number,
      type: types[type],
      label: FieldDescriptorProto_Label.OPTIONAL,
    })),
  });
}

const types = {
  int64: FieldDescriptorProto_Type.INT64,
  uint64: FieldDescriptorProto_Type.UINT64,
  string: FieldDescriptorProto_Type.STRING,
} as const;
