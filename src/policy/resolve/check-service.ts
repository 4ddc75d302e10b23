// What a Service document may not say of itself, apart from its references: health checks without a path, zero durations.
import type { Service } from '../../model/documents/service.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import { canonicalPath } from '../decide/path.ts';
import type { Problems } from './problems.ts';

type Parsed = ParsedDocument<Service>;

export function checkService(parsed: Parsed, problems: Problems): void {
  checkHealth(parsed, problems);
  checkTimes(parsed, problems);
  checkHttp1(parsed, problems);
}

/** Between sidecars goes what the application speaks: HTTP/2 has neither `Upgrade` nor upper case. */
function checkHttp1(parsed: Parsed, problems: Problems): void {
  const { protocol, upgrades, headerCase } = parsed.document.spec;
  if (protocol === 'http1') return;
  const wrong = [...(upgrades.length > 0 ? ['upgrades'] : []), ...(headerCase === 'keep' ? ['headerCase'] : [])];
  for (const field of wrong) {
    problems.error(parsed, ['spec', field], {
      code: 'http1-only',
      message: `${field} is of HTTP/1.1, and the service speaks ${protocol}`,
      hint: protocol === 'tcp' ? 'remove it: TCP carries anything' : 'remove it, or say `protocol: http1`',
    });
  }
}

function checkHealth(parsed: Parsed, problems: Problems): void {
  const { protocol, health, healthCheck } = parsed.document.spec;
  if (health !== undefined && protocol === 'tcp') {
    problems.error(parsed, ['spec', 'health'], {
      code: 'http-on-tcp',
      message: 'a TCP service has no health path',
      hint: 'remove it: healthCheck of a TCP service connects',
    });
  }
  const seen = health === undefined ? undefined : canonicalPath(health.path, 'keep');
  if (health !== undefined && !(seen?.kind === 'path' && seen.path === health.path)) {
    problems.error(parsed, ['spec', 'health', 'path'], {
      code: 'path-not-normal',
      message: `no request arrives as "${health.path}"`,
      hint: 'paths are normalised first; write the plain path',
    });
  }
  if (healthCheck !== undefined && health === undefined && protocol !== 'tcp') {
    problems.error(parsed, ['spec', 'healthCheck'], {
      code: 'health-check-without-path',
      message: 'healthCheck needs a health path to ask',
      hint: 'add `health: {path: /healthz}` with the path that the application answers',
    });
  }
}

function checkTimes(parsed: Parsed, problems: Problems): void {
  const { timeouts, healthCheck, outlierDetection } = parsed.document.spec;
  const positive: readonly (readonly [readonly string[], number | undefined])[] = [
    [['timeouts', 'connect'], timeouts.connect],
    [['healthCheck', 'interval'], healthCheck?.interval],
    [['healthCheck', 'timeout'], healthCheck?.timeout],
    [['outlierDetection', 'baseEjection'], outlierDetection?.baseEjection],
  ];
  for (const [place, value] of positive) {
    if (value !== 0) continue;
    problems.error(parsed, ['spec', ...place], {
      code: 'zero-duration',
      message: `${place.join('.')} is zero`,
      hint: 'give it a length, as in "1s"',
    });
  }
}
