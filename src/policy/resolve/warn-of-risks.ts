// Warns about what is valid but hardly ever intended: lifetimes, ports, addresses and prefixes that a reviewer would question.
import { controlPlanePorts } from '../../lib/control-plane-ports.ts';
import type { AuthorizationPolicy } from '../../model/documents/authorization-policy.ts';
import type { Service } from '../../model/documents/service.ts';
import type { FieldPath } from '../../model/field-path.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import { writtenPorts } from '../../model/service-ports.ts';
import { doubtfulAddress } from './doubtful-address.ts';
import type { Problems } from './problems.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** Linux's default range of ports for outgoing connections. */
const localPorts = { first: 32_768, last: 60_999 };

/** Of one document alone; needs nothing resolved. */
export function warnOfRisks(parsed: ParsedDocument, problems: Problems): void {
  const { document } = parsed;
  if (document.kind === 'Mesh') {
    // Edges and people hold longer certificates than sidecars, which renew by themselves.
    warnOfLifetime(parsed, ['spec', 'svid', 'lifetime'], document.spec.svid.lifetime, dayMs, problems);
  } else if (document.kind === 'Workload') {
    warnOfLifetime(parsed, ['spec', 'lifetime'], document.spec.lifetime, 90 * dayMs, problems);
  } else if (document.kind === 'Service') {
    warnOfPorts({ ...parsed, document }, problems);
    warnOfAddresses({ ...parsed, document }, problems);
  } else if (document.kind === 'AuthorizationPolicy') warnOfWholeDomain({ ...parsed, document }, problems);
}

function warnOfLifetime(
  parsed: ParsedDocument,
  place: FieldPath,
  lifetimeMs: number | undefined,
  longMs: number,
  problems: Problems,
): void {
  if (lifetimeMs === undefined || lifetimeMs < 1000) return;
  if (lifetimeMs > longMs) {
    problems.warning(parsed, place, {
      code: 'lifetime-long',
      message: `a stolen certificate works for up to ${days(lifetimeMs)}`,
      hint: `at most ${days(longMs)} is usual here: certificates are renewed at half their life, without a restart`,
    });
  } else if (lifetimeMs < 5 * minuteMs) {
    problems.warning(parsed, place, {
      code: 'lifetime-short',
      message: `calls fail after the control plane has been down for ${Math.floor(lifetimeMs / 2000)}s`,
      hint: 'certificates are renewed at half their life; an hour is usual',
    });
  }
}

function days(ms: number): string {
  const count = Math.round(ms / dayMs);
  return count === 1 ? 'a day' : `${count} days`;
}

function warnOfPorts(parsed: ParsedDocument<Service>, problems: Problems): void {
  for (const [index, { listen }] of parsed.document.spec.dependsOn.entries()) {
    if (typeof listen !== 'number') continue;
    const place = ['spec', 'dependsOn', index, 'listen'];
    const owner = controlPlanePorts.get(listen);
    if (owner !== undefined) {
      problems.warning(parsed, place, {
        code: 'control-plane-port',
        message: `port ${listen} is the control plane's default for ${owner}`,
        hint: 'if both run on one host, one of them cannot start: choose another port',
      });
    }
    if (listen >= localPorts.first && listen <= localPorts.last) {
      problems.warning(parsed, place, {
        code: 'local-port-range',
        message:
          `port ${listen} may be in use by an outgoing connection when the proxy starts: by default Linux ` +
          `uses ${localPorts.first} to ${localPorts.last} for those`,
        hint: `choose a port below ${localPorts.first}`,
      });
    }
  }
}

function warnOfAddresses(parsed: ParsedDocument<Service>, problems: Problems): void {
  const named = writtenPorts(parsed.document).flatMap(
    ({ endpoints, place }): readonly (readonly [FieldPath, string])[] =>
      'static' in endpoints
        ? endpoints.static.map(({ address }, index) => [[...place, 'endpoints', 'static', index, 'address'], address])
        : 'dns' in endpoints
          ? [[[...place, 'endpoints', 'dns', 'name'], endpoints.dns.name]]
          : [],
  );
  for (const [place, address] of named) {
    const what = doubtfulAddress(address);
    if (what === undefined) continue;
    problems.warning(parsed, place, {
      code: 'doubtful-address',
      message: `the address ${address} ${what}`,
      hint: "name the host on which the service's proxy listens",
    });
  }
}

function warnOfWholeDomain(parsed: ParsedDocument<AuthorizationPolicy>, problems: Problems): void {
  const { action, rules } = parsed.document.spec;
  for (const [index, { from }] of rules.entries()) {
    for (const [position, source] of from.entries()) {
      if (!('prefix' in source) || source.prefix.split('/').length > 4) continue;
      problems.warning(parsed, ['spec', 'rules', index, 'from', position, 'prefix'], {
        code: 'whole-trust-domain',
        message: `this prefix covers every identity of its trust domain${action === 'allow' ? ', people and jobs among them' : ''}`,
        hint: 'if that is intended, use `authenticated: true` (or `trustDomain`); otherwise continue the path, as in "…/cell/cell-1/"',
      });
    }
  }
}
