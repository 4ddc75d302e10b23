// What a FileDescriptorSet says about gRPC methods: whether they stream, and the fields of their requests. Parsed by hand, so that a set
// that contains only what matters is sufficient.
import { fromBinary, isFieldSet } from '@bufbuild/protobuf';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import {
  type DescriptorProto,
  type FieldDescriptorProto,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FieldDescriptorProtoSchema,
  type FileDescriptorSet,
  FileDescriptorSetSchema,
  type MethodDescriptorProto,
} from '@bufbuild/protobuf/wkt';

export interface GrpcMethod {
  /** `package.Service/Method` */
  readonly name: string;
  readonly streaming: 'no' | 'client' | 'server' | 'both';
  /** Full name of the request's message. */
  readonly input: string;
  /** Fields of the request's message, only its own; undefined if the set does not contain the message. */
  readonly fields?: ReadonlyMap<string, GrpcField>;
  /** Numbers in an option of the method: an enum, repeated or not. */
  option(field: number): readonly number[];
}

/** One field of a request, with what decides whether the proxy and the application can read it differently. */
export interface GrpcField {
  readonly number: number;
  /** As in a .proto file: `int64`, `string`, `message`. */
  readonly type: string;
  readonly repeated: boolean;
  /** In a oneof of several: setting another member unsets it. */
  readonly oneof: boolean;
}

/** By `package.Service/Method`, in the order of the set. */
export type GrpcDescriptors = ReadonlyMap<string, GrpcMethod>;

/** Throws if `bytes` is not a FileDescriptorSet. */
export function readGrpcDescriptors(bytes: Uint8Array): GrpcDescriptors {
  const set = fromBinary(FileDescriptorSetSchema, bytes);
  const messages = messagesOf(set);
  const methods = new Map<string, GrpcMethod>();
  for (const { package: scope, service } of set.file) {
    for (const { name: serviceName, method } of service) {
      for (const one of method) {
        const name = `${join(scope, serviceName)}/${one.name}`;
        methods.set(name, methodOf(name, one, messages));
      }
    }
  }
  return methods;
}

function methodOf(
  name: string,
  method: MethodDescriptorProto,
  messages: ReadonlyMap<string, DescriptorProto>,
): GrpcMethod {
  const { clientStreaming, serverStreaming, inputType } = method;
  const input = inputType.replace(/^\./, '');
  const message = messages.get(input);
  return {
    name,
    streaming: clientStreaming ? (serverStreaming ? 'both' : 'client') : serverStreaming ? 'server' : 'no',
    input,
    ...(message === undefined ? {} : { fields: new Map(message.field.map((field) => [field.name, fieldOf(field)])) }),
    option: (number) => optionOf(method, number),
  };
}

function fieldOf(field: FieldDescriptorProto): GrpcField {
  const { number, type, label, proto3Optional } = field;
  return {
    number,
    type: (FieldDescriptorProto_Type[type] ?? 'unknown').toLowerCase(),
    repeated: label === FieldDescriptorProto_Label.REPEATED,
    // `optional` in proto3 is a oneof of one (descriptor.proto, proto3_optional).
    oneof: isFieldSet(field, FieldDescriptorProtoSchema.field.oneofIndex) && !proto3Optional,
  };
}

function messagesOf(set: FileDescriptorSet): ReadonlyMap<string, DescriptorProto> {
  const found = new Map<string, DescriptorProto>();
  const add = (scope: string, message: DescriptorProto): void => {
    const name = join(scope, message.name);
    found.set(name, message);
    for (const nested of message.nestedType) add(name, nested);
  };
  for (const file of set.file) for (const message of file.messageType) add(file.package, message);
  return found;
}

function join(scope: string, name: string): string {
  return scope === '' ? name : `${scope}.${name}`;
}

/** Options of others stay unknown to the parser: one number a tag, or many in one (packed). */
function optionOf({ options }: MethodDescriptorProto, number: number): readonly number[] {
  return (options?.$unknown ?? [])
    .filter(({ no }) => no === number)
    .flatMap(({ data, wireType }) => {
      const reader = new BinaryReader(data);
      if (wireType === WireType.Varint) return [reader.int32()];
      if (wireType !== WireType.LengthDelimited) return [];
      const values: number[] = [];
      const end = reader.uint32() + reader.pos;
      while (reader.pos < end) values.push(reader.int32());
      return values;
    });
}
