// The one program that runs in a proxy: the reader of `matchingCell` rules, as this version writes it. A rule takes what it leaves
// behind for the caller's own words.
import { isMessage } from '@bufbuild/protobuf';
import { TypedExtensionConfigSchema } from '#gen/envoy/config/core/v3/extension_pb.js';
import { type Lua, LuaSchema } from '#gen/envoy/extensions/filters/http/lua/v3/lua_pb.js';
import type { InboundFilterName } from '../../lib/inbound-filters.ts';
import { isReadRequestSource } from '../filters/read-request-program.ts';
import type { Rule } from './rule.ts';

const name: InboundFilterName = 'read-request';

const reader: Rule = (message, ancestors) => {
  const [resource] = ancestors;
  if (resource === undefined || !isMessage(resource, TypedExtensionConfigSchema)) return [];
  if (!resource.name.endsWith(`/${name}`)) return [];
  return isMessage(message, LuaSchema) && !isOwn(message)
    ? [['lua-reader', `${resource.name} runs another program than the reader of matchingCell rules`]]
    : [];
};

/** With no way to bring in a second one, and in a virtual machine of its own. */
function isOwn({ defaultSourceCode, inlineCode, sourceCodes, packagePaths, packageCpaths, sharedVmId }: Lua): boolean {
  const source = defaultSourceCode?.specifier;
  return (
    source?.case === 'inlineString' &&
    isReadRequestSource(source.value) &&
    [inlineCode, sharedVmId].every((text) => text === '') &&
    [Object.keys(sourceCodes), packagePaths, packageCpaths].every(({ length }) => length === 0)
  );
}

export const luaRules: readonly Rule[] = [reader];
