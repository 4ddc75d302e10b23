// The program that reads messages on the proxy: what documents write into it stays data, and nobody puts another in its place.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TypedExtensionConfigSchema } from '#gen/envoy/config/core/v3/extension_pb.js';
import { LuaSchema } from '#gen/envoy/extensions/filters/http/lua/v3/lua_pb.js';
import { parseDocuments } from '../../../src/model/parse.ts';
import { resolve } from '../../../src/policy/resolve/resolve.ts';
import { isReadRequestSource, readRequestSource } from '../../../src/translate/filters/read-request-program.ts';
import { lint } from '../../../src/translate/linter.ts';
import { checkRaw } from '../../../src/translate/raw/check-raw.ts';
import { any } from '../../../src/translate/wire/any.ts';
import { typeUrls } from '../../../src/xds/resources/type-url.ts';
import { descriptorSet } from '../../support/descriptor-set.ts';
import { cellText, policyText, serviceText, yaml } from '../../support/resolve-text.ts';

const types = ['int64', 'uint64', 'string'] as const;

describe('what documents bring', () => {
  test('whatever text it is, it is a text in the program', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('"] = {} os.execute("id") --', '\\', '\n', ']]', '/a\r\n}', '\u2028', '"', 'a\\"b'),
    );
    fc.assert(
      fc.property(text, text, text, fc.constantFrom(...types), (path, name, id, type) => {
        const source = readRequestSource({
          methods: [[path, [{ name, number: 3, type }]]],
          ids: [id],
          prefixes: [id],
        });
        expect(isReadRequestSource(source)).toBe(true);
        // Nothing but the quotes that hold each text, and escapes of the kind that Lua reads as one byte.
        const [head = ''] = source.split('\nlocal byte, sub');
        for (const line of head.split('\n'))
          expect(line.replaceAll(/"(?:[A-Za-z0-9_./:-]|\\\d{3})*"/g, '')).toMatch(/^[a-z =,{}[\]0-9]*$/);
      }),
    );
  });

  test('nothing of a call is kept outside of the functions that a call runs in', () => {
    const source = readRequestSource({ methods: [], ids: [], prefixes: [] });
    const top = source.split('\n').filter((line) => /^[A-Za-z_]/.test(line) && line !== 'end');
    expect(top).toEqual([
      'local methods = {',
      'local ids = {',
      'local prefixes = {',
      'local byte, sub, format = string.byte, string.sub, string.format',
      'local function varint(text, at)',
      'local function afterVarint(text, at)',
      'local function after(text, at, wire)',
      'local function stated(text, field)',
      'local function mayMatch(peer)',
      'function envoy_on_request(handle)',
    ]);
    // What is assigned to anew is a local of a function.
    const assigned = [...source.matchAll(/^\s+(?:for _, \w+ in .*|if .* then )?(\w+)(\[\w+\])? = /gm)].map(
      ([, name]) => name,
    );
    expect(new Set(assigned)).toEqual(new Set(['value', 'at', 'scale', 'found']));
  });
});

const own = readRequestSource({
  methods: [['/pkg.S/M', [{ name: 'cell_id', number: 3, type: 'int64' }]]],
  ids: ['spiffe://td1/cell/a/x'],
  prefixes: [],
});
const inline = (value: string): MessageInitShape<typeof LuaSchema>['defaultSourceCode'] => ({
  specifier: { case: 'inlineString', value },
});

function findings(lua: MessageInitShape<typeof LuaSchema>): readonly string[] {
  const message = create(TypedExtensionConfigSchema, {
    name: 'topology/read-request',
    typedConfig: any(LuaSchema, lua),
  });
  const schema = TypedExtensionConfigSchema;
  const resource = { typeUrl: typeUrls.extension, name: message.name, schema, message, madeBy: () => [] };
  return lint([resource]).map(({ code }) => code);
}

describe('another program in its place', () => {
  test('is not sent', () => {
    expect(findings({ defaultSourceCode: inline(own) })).toEqual([]);
    for (const source of [
      '',
      'function envoy_on_request(handle) end',
      `${own}\nos.execute("id")`,
      `os.execute("id")\n${own}`,
      own.replace('local ids = {', 'local ids = {os.execute("id"),'),
      own.replace('number = 3', 'number = io'),
      own.replace('{name = "cell_id"', '{name = print("cell_id")'),
      own.replace('flag ~= 0 or ', ''),
    ]) {
      expect(findings({ defaultSourceCode: inline(source) })).toContain('lua-reader');
    }
  });

  test('nor one beside it', () => {
    const source = { defaultSourceCode: inline(own) };
    expect(findings({ ...source, inlineCode: 'x = 1' })).toContain('lua-reader');
    expect(findings({ ...source, sourceCodes: { a: inline('x = 1') ?? {} } })).toContain('lua-reader');
    expect(findings({ ...source, packagePaths: ['/tmp/?.lua'] })).toContain('lua-reader');
    expect(findings({ ...source, packageCpaths: ['/tmp/?.so'] })).toContain('lua-reader');
    expect(findings({ ...source, sharedVmId: 'all' })).toContain('lua-reader');
    expect(findings({ defaultSourceCode: { specifier: { case: 'filename', value: '/tmp/x' } } })).toContain(
      'lua-reader',
    );
  });

  test('nor does a raw resource change, disable or replace it', () => {
    const described = Buffer.from(
      descriptorSet('pkg.S', [{ name: 'M', fields: [{ name: 'cell_id', number: 3 }] }]),
    ).toString('base64');
    const base = yaml(
      'kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1}',
      cellText('a', 1),
      serviceText('a/web'),
      serviceText('api', 'grpc', `, grpc: {descriptorSet: "${described}"}`),
      policyText('p', 'api', 'allow', '[{from: [{eachCell: web}], to: [{grpc: pkg.S/M, matchingCell: {}}]}]'),
    );
    const codes = (patch: string): readonly string[] => {
      const text =
        `${base}---\napiVersion: cellwall/v1\nkind: EnvoyResource\nmetadata: {name: raw}\nspec: {selector: ` +
        `{services: [api]}, patch: ${patch}}\n`;
      const parsed = parseDocuments(text, 'raw.yaml');
      if (parsed.kind !== 'parsed') throw new Error(JSON.stringify(parsed.problems));
      const resolution = resolve(parsed.documents);
      if (resolution.kind !== 'resolved') throw new Error(JSON.stringify(resolution.problems));
      return checkRaw(parsed.documents, resolution.mesh, { proxyCode: true }).map(({ code }) => code);
    };
    const type = 'type.googleapis.com/envoy';
    const lua = `"@type": ${type}.extensions.filters.http.lua.v3.Lua`;
    const program =
      'function envoy_on_request(h) h:streamInfo():dynamicMetadata():set("cellwall.request", "cell_id", "1") end';
    expect(
      codes(
        `{operation: merge, typeUrl: ${type}.config.core.v3.TypedExtensionConfig, name: api/read-request, value: ` +
          `{typed_config: {${lua}, default_source_code: {inline_string: '${program}'}}}}`,
      ),
    ).toContain('lua-reader');
    for (const config of [
      `${lua}PerRoute, source_code: {inline_string: '${program}'}`,
      `"@type": ${type}.config.route.v3.FilterConfig, disabled: true`,
    ]) {
      expect(
        codes(
          `{operation: merge, typeUrl: ${type}.config.route.v3.RouteConfiguration, name: inbound, value: ` +
            `{typed_per_filter_config: {api/read-request: {${config}}}}}`,
        ),
      ).toContain('raw-authorization-off');
    }
  });
});
