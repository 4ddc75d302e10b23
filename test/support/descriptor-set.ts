// FileDescriptorSets for tests: small ones said in a few words.
import { create, toBinary } from '@bufbuild/protobuf';
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorSetSchema,
  MethodOptionsSchema,
} from '@bufbuild/protobuf/wkt';

export interface DescribedField {
  readonly name: string;
  readonly number: number;
  readonly type?: keyof typeof FieldDescriptorProto_Type;
  readonly repeated?: true;
  readonly oneof?: true;
}

export interface DescribedMethod {
  readonly name: string;
  readonly fields?: readonly DescribedField[];
  readonly clientStreaming?: true;
  readonly serverStreaming?: true;
  /** Values of option 90000, `access_control`. */
  readonly access?: readonly number[];
}

/** One file with one service `pkg.Name`; every method has a request message of its own, `<Method>Request`. */
export function descriptorSet(service: string, methods: readonly DescribedMethod[]): Uint8Array {
  const at = service.lastIndexOf('.');
  const [scope, name] = [service.slice(0, Math.max(0, at)), service.slice(at + 1)];
  const prefix = scope === '' ? '.' : `.${scope}.`;
  return toBinary(
    FileDescriptorSetSchema,
    create(FileDescriptorSetSchema, {
      file: [
        {
          name: 'test.proto',
          package: scope,
          syntax: 'proto3',
          messageType: methods.map((method) => ({
            name: `${method.name}Request`,
            ...(method.fields?.some(({ oneof }) => oneof) ? { oneofDecl: [{ name: 'one' }] } : {}),
            field: (method.fields ?? []).map((field) => ({
              name: field.name,
              number: field.number,
              type: FieldDescriptorProto_Type[field.type ?? 'INT64'],
              label: field.repeated ? FieldDescriptorProto_Label.REPEATED : FieldDescriptorProto_Label.OPTIONAL,
              ...(field.oneof ? { oneofIndex: 0 } : {}),
            })),
          })),
          service: [
            {
              name,
              method: methods.map((method) => ({
                name: method.name,
                inputType: `${prefix}${method.name}Request`,
                outputType: `${prefix}${method.name}Request`,
                clientStreaming: method.clientStreaming ?? false,
                serverStreaming: method.serverStreaming ?? false,
                options: accessOptions(method.access ?? []),
              })),
            },
          ],
        },
      ],
    }),
  );
}

/** A repeated enum as protoc writes it: packed. */
function accessOptions(values: readonly number[]) {
  const options = create(MethodOptionsSchema);
  if (values.length > 0) {
    options.$unknown = [{ no: 90_000, wireType: 2, data: Uint8Array.from([values.length, ...values]) }];
  }
  return options;
}
