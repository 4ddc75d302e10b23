// Errors within a Service document, apart from its references: ports, health checks without a path, zero durations.
import type { Service } from '../../model/documents/service.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import { type WrittenPort, writtenPorts } from '../../model/service-ports.ts';
import { canonicalPath } from '../decide/path.ts';
import type { Problems } from './problems.ts';

type Parsed = ParsedDocument<Service>;

/** Adds what it finds to `problems`. */
export function checkService(parsed: Parsed, problems: Problems): void {
  checkPorts(parsed, problems);
  for (const port of writtenPorts(parsed.document)) {
    checkHealth(parsed, port, problems);
    checkTimes(parsed, port, problems);
    checkHttp1(parsed, port, problems);
  }
  if (parsed.document.spec.outlierDetection?.baseEjection === 0) {
    zero(parsed, ['outlierDetection', 'baseEjection'], ['spec'], problems);
  }
}

function checkPorts(parsed: Parsed, problems: Problems): void {
  const { spec } = parsed.document;
  const { protocol, ports } = spec;
  if (ports === undefined) {
    if (protocol !== undefined) return;
    problems.error(parsed, ['spec'], {
      code: 'no-port',
      message: 'neither `protocol` nor `ports`',
      hint:
        'say what the application speaks: `protocol: http1`; for a service with several ports: `ports: [{name: ' +
        'grpc, protocol: grpc}, …]`',
    });
    return;
  }
  if (protocol !== undefined) {
    problems.error(parsed, ['spec', 'protocol'], {
      code: 'protocol-and-ports',
      message: '`protocol` together with `ports`',
      hint: 'give it for each port; `protocol` alone is the same as one port named `default`',
    });
  }
  const names = new Set<string>();
  for (const [index, { name }] of ports.entries()) {
    if (names.has(name)) {
      problems.error(parsed, ['spec', 'ports', index, 'name'], {
        code: 'duplicate-port-name',
        message: `two ports are named "${name}"`,
        hint: 'give each a name of its own',
      });
    }
    names.add(name);
  }
  checkApps(parsed, problems);
  const { health, healthCheck, grpc, upgrades, headerCase, endpoints } = spec;
  const misplaced: readonly (readonly [field: string, said: boolean])[] = [
    ['health', health !== undefined],
    ['healthCheck', healthCheck !== undefined],
    ['grpc', grpc !== undefined],
    ['upgrades', upgrades.length > 0],
    ['headerCase', headerCase !== 'lower'],
    ['endpoints', !('sidecars' in endpoints)],
  ];
  for (const [field, said] of misplaced) {
    if (!said) continue;
    problems.error(parsed, ['spec', field], {
      code: 'belongs-to-a-port',
      message: `${field} does not say which port it is for`,
      hint: `write it into the port: \`ports: [{name: ${ports[0]?.name ?? 'http'}, ${field}: …}]\``,
    });
  }
}

/** Two ports for one address of the application would be two sets of rules for one thing, and the weaker one would win. */
function checkApps(parsed: Parsed, problems: Problems): void {
  const before = new Map<number, string>();
  for (const [index, { name, app }] of (parsed.document.spec.ports ?? []).entries()) {
    if (app === undefined) continue;
    const other = before.get(app);
    if (other === undefined) before.set(app, name);
    else {
      problems.error(parsed, ['spec', 'ports', index, 'app'], {
        code: 'duplicate-port',
        message: `the application's port ${app} is already that of "${other}"`,
        hint:
          'use one port of the application for one port of the service: otherwise the rules of one could be ' +
          'used to bypass those of the other',
      });
    }
  }
}

/** Sidecars use the application's protocol between them: HTTP/2 has neither `Upgrade` nor upper case. */
function checkHttp1(parsed: Parsed, { protocol, upgrades, headerCase, place }: WrittenPort, problems: Problems): void {
  if (protocol === 'http1') return;
  const wrong = [...(upgrades.length > 0 ? ['upgrades'] : []), ...(headerCase === 'keep' ? ['headerCase'] : [])];
  for (const field of wrong) {
    problems.error(parsed, [...place, field], {
      code: 'http1-only',
      message: `${field} is only for HTTP/1.1, but the service speaks ${protocol}`,
      hint: protocol === 'tcp' ? 'remove it: TCP carries anything' : 'remove it, or say `protocol: http1`',
    });
  }
}

function checkHealth(parsed: Parsed, { protocol, health, healthCheck, place }: WrittenPort, problems: Problems): void {
  if (health !== undefined && protocol === 'tcp') {
    problems.error(parsed, [...place, 'health'], {
      code: 'http-on-tcp',
      message: 'a TCP service has no health path',
      hint: 'remove it: healthCheck of a TCP service only opens a connection',
    });
  }
  const seen = health === undefined ? undefined : canonicalPath(health.path, 'keep');
  if (health !== undefined && !(seen?.kind === 'path' && seen.path === health.path)) {
    problems.error(parsed, [...place, 'health', 'path'], {
      code: 'path-not-normal',
      message: `no request can arrive as "${health.path}"`,
      hint: 'paths are normalised first; write the plain path',
    });
  }
  if (healthCheck !== undefined && health === undefined && protocol !== 'tcp') {
    problems.error(parsed, [...place, 'healthCheck'], {
      code: 'health-check-without-path',
      message: 'healthCheck needs a health path',
      hint: 'add `health: {path: /healthz}` with the path that the application answers',
    });
  }
}

function checkTimes(parsed: Parsed, { timeouts, healthCheck, place }: WrittenPort, problems: Problems): void {
  const positive: readonly (readonly [readonly string[], number | undefined])[] = [
    [['timeouts', 'connect'], timeouts.connect],
    [['healthCheck', 'interval'], healthCheck?.interval],
    [['healthCheck', 'timeout'], healthCheck?.timeout],
  ];
  for (const [field, value] of positive) if (value === 0) zero(parsed, field, place, problems);
}

function zero(parsed: Parsed, field: readonly string[], place: WrittenPort['place'], problems: Problems): void {
  problems.error(parsed, [...place, ...field], {
    code: 'zero-duration',
    message: `${field.join('.')} is zero`,
    hint: 'give it a length, as in "1s"',
  });
}
