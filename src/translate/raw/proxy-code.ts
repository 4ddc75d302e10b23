// Code that a raw resource brings into the proxy, or a program that it hands requests to: it has access to the proxy's files, including its
// node key, and its identity. Recognised by the types that it names, wherever: inside a typed_config, in what ECDS may send, in a patch.
// Pure.
import type { FieldPath } from '../../model/field-path.ts';
import type { RawFault } from './fault.ts';

/** Segments of the names of Envoy's packages and extensions; and a tracer that loads a library. */
const code = [
  /(^|[./])(lua|wasm|dynamic_modules|golang|ext_proc)\./,
  /(^|[./])DynamicOtConfig$/,
  /^envoy(\.\w+)*\.(lua|wasm|dynamic_modules|golang|ext_proc)$/,
];

export function proxyCode(body: unknown, path: FieldPath = []): readonly RawFault[] {
  if (typeof body === 'string') {
    if (!body.includes('envoy') || !code.some((pattern) => pattern.test(body))) return [];
    const type = body.slice(body.lastIndexOf('/') + 1).slice(0, 200);
    const message = `${type} is code in the proxy: it reads the proxy's keys and acts as its service`;
    const hint = 'start serve with --allow-proxy-code if whoever writes documents may run code in every proxy';
    return [{ code: 'proxy-code', message, hint, path }];
  }
  if (Array.isArray(body)) return body.flatMap((item: unknown, index) => proxyCode(item, [...path, index]));
  if (typeof body !== 'object' || body === null) return [];
  return Object.entries(body).flatMap(([key, item]) => proxyCode(item, [...path, key]));
}
