// A Service with several ports, from documents to decisions: what is refused with which hint, which port a dependency, a policy and a
// question mean, and that a rule stands where it was meant for and nowhere else.
import { describe, expect, test } from 'vitest';
import { answerExplain } from '../../src/admin/answer-explain.ts';
import { CellwallError } from '../../src/lib/errors.ts';
import type { ServiceKey } from '../../src/policy/ir.ts';
import { allPorts, portOf } from '../../src/policy/ports.ts';
import { meshOf, meshText, problemsOf, yaml } from '../support/resolve-text.ts';

const gitlabPorts = '[{name: http, protocol: http1}, {name: ssh, protocol: tcp}, {name: grpc, protocol: grpc}]';
const gitlab = (ports = gitlabPorts, more = ''): string =>
  `kind: Service\nmetadata: {name: gitlab}\nspec: {ports: ${ports}${more}}`;
const caller = (dependsOn: string, name = 'web'): string =>
  `kind: Service\nmetadata: {name: ${name}}\nspec: {protocol: http1, dependsOn: [${dependsOn}]}`;
const policy = (target: string, rules: string, action = 'allow', name = 'p'): string =>
  `kind: AuthorizationPolicy\nmetadata: {name: ${name}}\nspec: {target: {${target}}, action: ${action}, rules: ${rules}}`;

/** Errors alone, as `code path: message (hint)`. */
function errors(...documents: readonly string[]): readonly string[] {
  return problemsOf(yaml(meshText(), ...documents))
    .filter(({ severity }) => severity === 'error')
    .map(({ code, path, message, hint }) => `${code} ${path}: ${message} (${hint})`);
}

describe('documents', () => {
  test.each<[string, string, RegExp]>([
    ['neither a protocol nor ports', 'kind: Service\nmetadata: {name: gitlab}\nspec: {}', /^no-port spec: /],
    ['both', gitlab(gitlabPorts, ', protocol: http1'), /^protocol-and-ports spec\.protocol: /],
    [
      'one name twice',
      gitlab('[{name: http, protocol: http1}, {name: http, protocol: tcp}]'),
      /^duplicate-port-name spec\.ports\[1\]\.name: two ports are named "http"/,
    ],
    [
      'one application for two ports',
      gitlab('[{name: a, protocol: http1, app: 80}, {name: b, protocol: http1, app: 80}]'),
      /^duplicate-port spec\.ports\[1\]\.app: the application's port 80 is already that of "a"/,
    ],
    [
      'a health path of no port',
      gitlab(gitlabPorts, ', health: {path: /healthz}'),
      /^belongs-to-a-port spec\.health: .*\(write it into the port/,
    ],
    [
      'endpoints of no port',
      gitlab(gitlabPorts, ', endpoints: {static: [{address: 10.0.0.1, port: 1}]}'),
      /^belongs-to-a-port spec\.endpoints: /,
    ],
    [
      'a health path of TCP',
      gitlab('[{name: ssh, protocol: tcp, health: {path: /healthz}}]'),
      /^http-on-tcp spec\.ports\[0\]\.health: /,
    ],
    [
      'an upgrade of gRPC',
      gitlab('[{name: grpc, protocol: grpc, upgrades: [websocket]}]'),
      /^http1-only spec\.ports\[0\]\.upgrades: /,
    ],
    [
      'no time to connect',
      gitlab('[{name: http, protocol: http1, timeouts: {connect: 0s}}]'),
      /^zero-duration spec\.ports\[0\]\.timeouts\.connect: /,
    ],
  ])('refuse %s, at its place', (_, document, wanted) => {
    expect(errors(document)).toEqual([expect.stringMatching(wanted)]);
  });

  test('name at most sixteen ports', () => {
    const ports = (count: number): string =>
      `[${Array.from({ length: count }, (_, index) => `{name: p${index}, protocol: tcp}`).join(', ')}]`;
    expect(errors(gitlab(ports(16)))).toEqual([]);
    expect(() => errors(gitlab(ports(17)))).toThrow(/spec\.ports/);
  });

  test('say of a port what is of the port, and of the service what is of all', () => {
    const mesh = meshOf(
      yaml(
        meshText(),
        gitlab(
          '[{name: http, protocol: http1, timeouts: {request: 5s}, paths: {escapedSlashes: keep}}, {name: grpc, ' +
            'protocol: grpc, app: 9090}]',
          ', timeouts: {request: 1s, idle: 2m}, mtls: {mode: permissive}',
        ),
      ),
    );
    expect(allPorts(mesh)).toMatchObject([
      {
        id: 'gitlab:http',
        timeouts: { requestMs: 5000, idleMs: 120_000, applicationIdleMs: 250 },
        escapedSlashes: 'keep',
      },
      { id: 'gitlab:grpc', timeouts: { requestMs: 1000, idleMs: 120_000, applicationIdleMs: 120_000 }, app: 9090 },
    ]);
    expect(allPorts(mesh).map(({ mtls }) => mtls.mode)).toEqual(['permissive', 'permissive']);
  });

  test('a list with one port named default is what `protocol` alone makes', () => {
    const of = (spec: string) =>
      meshOf(yaml(meshText(), `kind: Service\nmetadata: {name: api}\nspec: {${spec}}`)).services.get(
        'api' as ServiceKey,
      );
    const short = of('protocol: http1, upgrades: [websocket]');
    const long = of('ports: [{name: default, protocol: http1, upgrades: [websocket]}]');
    const place = { place: [] };
    expect(long?.ports.map((port) => ({ ...port, ...place }))).toEqual(
      short?.ports.map((port) => ({ ...port, ...place })),
    );
  });
});

describe('a dependency', () => {
  test('names one of several ports', () => {
    expect(errors(gitlab(), caller('{service: gitlab, listen: 1}'))).toEqual([
      'port-not-named spec.dependsOn[0].service: gitlab has several ports (name one of them: http, ssh, grpc)',
    ]);
    expect(errors(gitlab(), caller('{service: gitlab, port: htp, listen: 1}'))).toEqual([
      'unknown-port spec.dependsOn[0].port: gitlab has no port "htp" (did you mean "http"? It has: http, ssh, grpc)',
    ]);
    expect(
      errors(gitlab(), caller('{service: gitlab, port: ssh, listen: 1}, {service: gitlab, port: http, listen: 2}')),
    ).toEqual([]);
    expect(
      errors(gitlab(), caller('{service: gitlab, port: ssh, listen: 1}, {service: gitlab, port: ssh, listen: 2}')),
    ).toEqual([
      expect.stringMatching(/^duplicate-dependency spec\.dependsOn\[1\]\.service: gitlab:ssh is listed twice/),
    ]);
  });

  test('needs no name where there is one, or one that is the default', () => {
    const target = (ports: string) =>
      meshOf(yaml(meshText(), gitlab(ports), caller('{service: gitlab, listen: 1}'))).services.get('web' as ServiceKey)
        ?.dependsOn[0]?.port;
    expect(target('[{name: http, protocol: http1}]')).toBe('gitlab:http');
    expect(target('[{name: ssh, protocol: tcp}, {name: default, protocol: http1}]')).toBe('gitlab');
  });
});

describe('a policy', () => {
  const calls = caller('{service: gitlab, port: http, listen: 1}, {service: gitlab, port: ssh, listen: 2}');
  const ofWeb = '[{from: [{service: web}]}]';

  test.each<[string, string, RegExp]>([
    [
      'an unknown target',
      policy('service: gitlab, port: http1', ofWeb),
      /^unknown-port spec\.target\.port: .*did you mean "http"/,
    ],
    [
      'an unknown operation',
      policy('service: gitlab', '[{from: [{service: web}], to: [{port: shh}]}]'),
      /^unknown-port spec\.rules\[0\]\.to\[0\]\.port: .*did you mean "ssh"/,
    ],
    [
      'an operation of another port than the target',
      policy('service: gitlab, port: ssh', '[{from: [{service: web}], to: [{port: http, methods: [GET]}]}]'),
      /^port-not-targeted spec\.rules\[0\]\.to\[0\]\.port: /,
    ],
    [
      'a method at a port that has none',
      policy('service: gitlab', '[{from: [{service: web}], to: [{methods: [GET]}]}]'),
      /^http-on-tcp spec\.rules\[0\]\.to\[0\]: gitlab:ssh is a TCP service.*say which port is meant/,
    ],
    [
      'gRPC at HTTP/1.1',
      policy('service: gitlab, port: http', '[{from: [{service: web}], to: [{grpc: a.B/C}]}]'),
      /^grpc-on-http1 spec\.rules\[0\]\.to\[0\]\.grpc: gitlab:http speaks/,
    ],
  ])('is refused for %s', (_, document, wanted) => {
    expect(errors(gitlab(), calls, document)).toEqual([expect.stringMatching(wanted)]);
  });

  test('stands where it is meant for, and nowhere else', () => {
    const mesh = meshOf(
      yaml(
        meshText('permissive'),
        gitlab(),
        calls,
        policy('service: gitlab', '[{from: [{service: web}], to: [{port: http, methods: [GET]}, {port: ssh}]}]'),
        policy('service: gitlab, port: ssh', ofWeb, 'deny', 'no'),
      ),
    );
    const of = (port: string) => portOf(mesh, `gitlab:${port}`)?.authorization;
    expect(of('http')?.allow.map(({ operations }) => operations)).toEqual([[{ methods: ['GET'] }]]);
    expect(of('http')?.deny).toEqual([]);
    expect(of('ssh')?.allow.map(({ operations }) => operations)).toEqual([[]]);
    expect(of('ssh')?.deny.map(({ id }) => id)).toEqual(['no/0']);
    // The policy targets it, and none of its rules speak of it: nobody may.
    expect(of('grpc')).toMatchObject({ allow: [], deny: [], fallback: 'deny', policies: ['AuthorizationPolicy/p'] });
  });

  test('is called idle only where it is so at every port', () => {
    const codes = (...policies: readonly string[]) =>
      problemsOf(yaml(meshText(), gitlab(), calls, ...policies)).map(({ code }) => code);
    const everything = policy('service: gitlab, port: ssh', ofWeb, 'allow', 'first');
    expect(codes(everything, policy('service: gitlab', ofWeb))).not.toContain('rule-shadowed');
    expect(codes(everything, policy('service: gitlab, port: ssh', ofWeb))).toContain('rule-shadowed');
  });
});

describe('explain', () => {
  const mesh = meshOf(
    yaml(
      meshText(),
      gitlab(),
      caller('{service: gitlab, port: http, listen: 1}'),
      policy('service: gitlab, port: http', '[{from: [{service: web}]}]'),
    ),
  );
  const ask = (target: string, more: object = {}) => answerExplain(mesh, { caller: 'web', target, ...more });

  test('answers of the port that is named, in either way', () => {
    expect(ask('gitlab:http')).toMatchObject({
      decision: 'allowed',
      target: 'gitlab',
      port: 'http',
      protocol: 'http1',
    });
    expect(ask('gitlab', { port: 'http' })).toMatchObject({ decision: 'allowed', port: 'http' });
    expect(ask('spiffe://td1/service/gitlab', { port: 'ssh' })).toMatchObject({
      decision: 'denied',
      port: 'ssh',
      protocol: 'tcp',
      notes: [expect.stringContaining('web does not depend on gitlab:ssh')],
    });
    expect(ask('gitlab:ssh').remedy?.policy).toContain('    service: gitlab\n    port: ssh\n');
  });

  test('asks which, where none or another is named', () => {
    const refusal = (run: () => unknown): string => {
      try {
        run();
      } catch (reason) {
        const { code, message, hint } = CellwallError.from(reason);
        return `${code}: ${message} (${hint})`;
      }
      return 'answered';
    };
    expect(refusal(() => ask('gitlab'))).toBe(
      'invalid_argument: gitlab has several ports (name one of them: http, ssh, grpc, as in gitlab:http)',
    );
    expect(refusal(() => ask('gitlab:shh'))).toBe(
      'not_found: gitlab has no port "shh" (did you mean "ssh"? It has: http, ssh, grpc)',
    );
    expect(refusal(() => ask('gitlab:ssh', { port: 'http' }))).toMatch(/^invalid_argument: two ports are named/);
  });
});
