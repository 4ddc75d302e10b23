// Every filter there is, against the contract.
import { expect, it } from 'vitest';
import { JwtAuthenticationSchema } from '#gen/envoy/extensions/filters/http/jwt_authn/v3/config_pb.js';
import { LuaSchema } from '#gen/envoy/extensions/filters/http/lua/v3/lua_pb.js';
import { RBACSchema as HttpRbacSchema } from '#gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';
import { RBACSchema as NetworkRbacSchema } from '#gen/envoy/extensions/filters/network/rbac/v3/rbac_pb.js';
import { authzAllow } from '../../src/translate/filters/authz-allow.ts';
import { authzDeny } from '../../src/translate/filters/authz-deny.ts';
import { inboundFilters } from '../../src/translate/filters/inbound-filters.ts';
import { jwtAuthn } from '../../src/translate/filters/jwt-authn.ts';
import { readRequest } from '../../src/translate/filters/read-request.ts';
import { serviceCredential } from '../../src/translate/filters/service-credential.ts';
import { rbac } from '../../src/translate/rbac/policies.ts';
import { any } from '../../src/translate/wire/any.ts';
import { descriptorSet } from '../support/descriptor-set.ts';
import { createTokenKey } from '../support/mint-token.ts';
import { cellText, meshText, policyText, serviceText } from '../support/resolve-text.ts';
import { filterContract } from './filter-contract.ts';

const descriptors = Buffer.from(
  descriptorSet('pkg.Claims', [{ name: 'Begin', fields: [{ name: 'cell_id', number: 3 }] }]),
).toString('base64');
const issuer = `{name: router, issuer: "https://issuer.test", jwks: '{"keys": [${createTokenKey().jwk}]}'}`;
const documents = [
  meshText('permissive', `, breakGlass: ["spiffe://td1/oncall"], jwtIssuers: [${issuer}]`),
  cellText('cell-1', 1),
  serviceText('cell-1/web', 'http1', ', dependsOn: [{service: api, listen: 15001}, {service: db, listen: 15002}]'),
  serviceText('api', 'grpc', `, grpc: {descriptorSet: "${descriptors}"}`),
  serviceText('db', 'tcp'),
  policyText(
    'claims',
    'api',
    'allow',
    '[{from: [{eachCell: web}], to: [{grpc: pkg.Claims/Begin, matchingCell: {field: cell_id}}]}]',
  ),
  policyText('tokens', 'api', 'allow', '[{from: [{jwt: {issuer: router, audience: a}}], to: [{grpc: pkg.Claims/*}]}]'),
  policyText('no', 'api', 'deny', '[{from: [{eachCell: web}], to: [{grpc: pkg.Claims/End}]}]'),
  policyText('db', 'db', 'allow', '[{from: [{eachCell: web}]}]'),
];
const base = { documents, service: 'api', without: 'cell-1/web' };

const open = { 'no rules, which allow everyone': any(HttpRbacSchema, {}) };
filterContract('authz-deny', {
  ...{ ...base, filter: authzDeny },
  dangerous: { ...open, 'no guard against several identities': any(HttpRbacSchema, { rules: rbac('deny') }) },
});
filterContract('authz-allow', { ...base, filter: authzAllow, dangerous: open });
const openTcp = { 'no rules, which allow everyone': any(NetworkRbacSchema, { statPrefix: 'x' }) };
filterContract('authz-deny, of TCP', { ...base, service: 'db', filter: authzDeny, dangerous: openTcp });
filterContract('authz-allow, of TCP', { ...base, service: 'db', filter: authzAllow, dangerous: openTcp });
filterContract('jwt-authn', {
  ...{ ...base, filter: jwtAuthn },
  dangerous: {
    'a token of anybody': any(JwtAuthenticationSchema, { providers: { x: {} } }),
    'a rule that verifies nothing': any(JwtAuthenticationSchema, { rules: [{ match: {} }] }),
  },
});
filterContract('jwt-authn, beside an identity', {
  ...{ ...base, service: 'strict', filter: jwtAuthn },
  documents: [
    ...documents,
    serviceText('strict', 'http1', ', mtls: {mode: strict}'),
    policyText('both', 'strict', 'allow', '[{from: [{eachCell: web, jwt: {issuer: router, audience: a}}]}]'),
  ],
  dangerous: {},
});
filterContract('read-request', {
  ...{ ...base, filter: readRequest },
  dangerous: {
    'another program': any(LuaSchema, { defaultSourceCode: { specifier: { case: 'inlineString', value: 'x = 1' } } }),
  },
});

it('and there is no other', () => {
  expect(new Set(inboundFilters)).toEqual(new Set([authzDeny, authzAllow, jwtAuthn, readRequest, serviceCredential]));
});
