// A FileDescriptorSet without what rules do not need: small enough for a document, and unaffected by other changes in it.
import { clone, create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  type DescriptorProto,
  DescriptorProtoSchema,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  MethodDescriptorProtoSchema,
  ServiceDescriptorProtoSchema,
} from '@bufbuild/protobuf/wkt';
import type { GrpcMethod } from './grpc-descriptors.ts';

/** Only these methods, and of their requests only this field. */
export function pruneDescriptors(bytes: Uint8Array, methods: readonly GrpcMethod[], field: string): Uint8Array {
  const names = new Set(methods.map(({ name }) => name));
  const inputs = new Set(methods.map(({ input }) => input));
  const files = fromBinary(FileDescriptorSetSchema, bytes).file.flatMap((file) =>
    pruneFile(file, names, inputs, field),
  );
  files.sort((a, b) => (a.name < b.name ? -1 : 1));
  return toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file: files }));
}

function pruneFile(
  file: FileDescriptorProto,
  names: ReadonlySet<string>,
  inputs: ReadonlySet<string>,
  field: string,
): FileDescriptorProto[] {
  const scope = file.package === '' ? '' : `${file.package}.`;
  const service = file.service
    .map(({ name, method }) =>
      create(ServiceDescriptorProtoSchema, {
        name,
        method: method
          .filter((one) => names.has(`${scope}${name}/${one.name}`))
          .map(({ name, inputType, outputType, clientStreaming, serverStreaming }) =>
            create(MethodDescriptorProtoSchema, { name, inputType, outputType, clientStreaming, serverStreaming }),
          ),
      }),
    )
    .filter(({ method }) => method.length > 0);
  const messageType = file.messageType.flatMap((message) => pruneMessage(scope, message, inputs, field));
  if (service.length === 0 && messageType.length === 0) return [];
  const { name, syntax } = file;
  return [create(FileDescriptorProtoSchema, { name, package: file.package, syntax, service, messageType })];
}

function pruneMessage(
  scope: string,
  message: DescriptorProto,
  inputs: ReadonlySet<string>,
  field: string,
): DescriptorProto[] {
  const name = `${scope}${message.name}`;
  const nestedType = message.nestedType.flatMap((nested) => pruneMessage(`${name}.`, nested, inputs, field));
  if (!inputs.has(name) && nestedType.length === 0) return [];
  const kept = inputs.has(name) ? message.field.filter((one) => one.name === field) : [];
  const { oneofDecl } = clone(DescriptorProtoSchema, message);
  return [
    create(DescriptorProtoSchema, {
      name: message.name,
      field: kept,
      nestedType,
      ...(kept.some((one) => Object.hasOwn(one, 'oneofIndex')) ? { oneofDecl } : {}),
    }),
  ];
}
