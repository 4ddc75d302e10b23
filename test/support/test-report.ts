// Reports of mTLS coverage for tests: with names that others chose, signed by a CA of the test's own.

import { type SignedStatement, statementKey } from '../../src/identity/statement.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { type MtlsReport, makeMtlsReport, type ReportSources } from '../../src/report/mtls-report.ts';
import { meshOf, meshText, serviceText, yaml } from './resolve-text.ts';
import { createTestCa, type TestCa } from './test-ca.ts';

const odd = '<script>alert(1)</script>=1+1,"(x)\\\u202e\u0000é';

/** All steps at once. */
export function mtlsReportOf(sources: ReportSources): MtlsReport {
  const steps = makeMtlsReport(sources);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** Of two services, calls of every kind, and texts that mean something to HTML, CSV, PDF and terminals. */
export function testReport(now = Date.now()): MtlsReport {
  const at = { count: 3, lastSeen: now - 1000, decision: 'allowed' as const };
  return mtlsReportOf({
    mesh: meshOf(
      yaml(
        meshText('permissive'),
        serviceText('api'),
        serviceText('web', 'http1', ', dependsOn: [{service: api, listen: 15001}]'),
      ),
    ),
    ...{ revision: 7, since: now - 86_400_000, now, madeBy: 'cellwall test', silent: ['cp-2'] },
    counts: [
      { service: 'api', caller: 'mtls', principal: 'spiffe://td1/service/web', ...at },
      { service: 'api', caller: 'plaintext', peer: '10.0.0.9', ...at },
      { service: 'api', caller: 'legacy', peer: `=${odd}`, token: '=cmd', ...at },
    ],
    coverage: () => ({ since: 0, ports: [], gaps: [{ node: `api~${odd}`, from: now - 60_000, to: now }], gone: [] }),
    lostUntil: () => 0,
    handshakes: [{ service: 'api', address: '10.0.0.7', why: odd, caller: true, count: 3, lastSeen: now }],
  });
}

export interface SignTestReportOptions {
  /** Default: one of its own. */
  readonly ca?: TestCa;
  /** Default: that of reports. */
  readonly uri?: string;
  readonly lifetimeMs?: number;
}

/** `bundle`: the roots by which it verifies. */
export async function signTestReport(
  report: MtlsReport,
  { ca, uri = 'spiffe://td1/cellwall/report', lifetimeMs }: SignTestReportOptions = {},
): Promise<{ readonly signed: SignedStatement; readonly bundle: string }> {
  const issuer = ca ?? (await createTestCa('reports'));
  const { certificate, key, root } = await issuer.issue({ uri, ...(lifetimeMs === undefined ? {} : { lifetimeMs }) });
  const signer = statementKey('report', { chain: certificate, key: new Redacted(key) });
  return { signed: signer.sign(JSON.stringify(report)), bundle: root };
}
