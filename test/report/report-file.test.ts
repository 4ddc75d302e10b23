// A report is true in whatever form it comes if it verifies; nothing that was changed in it, signed by somebody else, or shown in another
// way does. By the command, and by the Python of the documentation.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { afterAll, describe, expect, it, test } from 'vitest';
import type { SignedStatement } from '../../src/identity/statement.ts';
import { escapeJson } from '../../src/lib/escape.ts';
import {
  type ReportFile,
  renderReport,
  reportFileOf,
  reportFormats,
  verifyReportFile,
} from '../../src/report/report-file.ts';
import { runCli } from '../support/cli-harness.ts';
import { figure, qualifying } from '../support/figure.ts';
import { projectRoot } from '../support/source-files.ts';
import { createTestCa } from '../support/test-ca.ts';
import { signTestReport, testReport } from '../support/test-report.ts';

const ca = await createTestCa('reports');
const report = testReport();
const { signed, bundle } = await signTestReport(report, { ca });
const file = reportFileOf(signed);
const json = (of: object): string => escapeJson(`${JSON.stringify(of, null, 2)}\n`);
const forms = {
  json: json(file),
  ...Object.fromEntries(reportFormats.map((form) => [form, renderReport(file, form)])),
};
const folder = mkdtempSync(join(tmpdir(), 'cellwall-report-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const runs = qualifying ? 400 : 40;
let [forged, found] = [0, 0];
afterAll(() => {
  figure('forgeries', forged);
  figure('forgeriesFound', found);
});

function refused(content: string, roots = bundle): string {
  forged++;
  try {
    verifyReportFile(content, roots);
  } catch (reason) {
    found++;
    return String(reason);
  }
  throw new Error(`accepted: ${content.slice(0, 200)}`);
}

/** The same, decoded, changed and encoded again, in the right form. */
function edited(change: (text: string) => string): string {
  const payload = Buffer.from(change(Buffer.from(signed.payload, 'base64url').toString())).toString('base64url');
  return json(reportFileOf({ ...signed, payload }));
}

describe.each(Object.entries(forms))('%s', (form, content) => {
  it('verifies, with who signed it', () => {
    const verified = verifyReportFile(content, bundle);
    expect(verified).toMatchObject({ report, signer: 'spiffe://td1/cellwall/report' });
    expect(verified.serial).toMatch(/^[0-9a-f]+$/);
  });

  it('does not with any of its characters changed, removed or doubled', () => {
    const edit = fc.record({
      at: fc.nat(content.length - 2),
      by: fc.constantFrom(
        (one: string) => (one === 'x' ? 'y' : 'x'),
        () => '',
        (one: string) => one + one,
      ),
    });
    fc.assert(
      fc.property(edit, ({ at, by }) => {
        const changed = content.slice(0, at) + by(content[at] ?? '') + content.slice(at + 1);
        fc.pre(changed !== content);
        refused(changed);
      }),
      { numRuns: runs },
    );
    expect(refused(content.slice(0, -2))).not.toBe('');
    expect(refused(`${content}more`)).not.toBe('');
  });

  it('shows each address, and what others wrote as text', () => {
    expect(content).toContain('10.0.0.9');
    expect(content).not.toContain('\u202e');
    expect(content).not.toContain('\u0000');
    if (form === 'html') {
      expect(content).not.toContain('<script>alert');
      expect(content).not.toMatch(/(src|href)=/);
    }
    if (form === 'csv') {
      expect(content).toContain("'=<script>");
      expect(new Set(rowsOf(content).map((row) => row.length))).toEqual(new Set([10]));
    }
    if (form === 'pdf') expect(content).toMatch(/^[\x20-\x7e\n]*$/);
  });
});

/** RFC 4180. */
function rowsOf(csv: string): readonly (readonly string[])[] {
  const lines = csv.split('\r\n').slice(0, -1);
  return lines.map((line) => [...line.matchAll(/(?:^|,)("(?:[^"]|"")*"|[^",]*)/g)].map(([, cell = '']) => cell));
}

describe('a forged one', () => {
  it('with other content, in whatever form it is shown', () => {
    expect(refused(edited((text) => text.replace('"plaintext":3', '"plaintext":0')))).toMatch(
      /changed after it was signed/,
    );
    const payload = Buffer.from(JSON.stringify({ ...report, anonymous: [] })).toString('base64url');
    for (const form of reportFormats) refused(renderReport(reportFileOf({ ...signed, payload }), form));
  });

  it('that shows something other than what is signed', () => {
    const clean: ReportFile = { signed, report: { ...report, anonymous: [] } };
    expect(refused(json(clean))).toMatch(/not what is signed/);
    for (const form of reportFormats) expect(refused(renderReport(clean, form))).toMatch(/not what is signed/);
    const twice = forms.json.replace('{\n', `{\n  "report": ${JSON.stringify({ ...report, anonymous: [] })},\n`);
    expect(JSON.parse(twice)).toEqual(JSON.parse(forms.json));
    expect(refused(twice)).toMatch(/not what is signed/);
  });

  it('signed under another CA, by another identity, before or after its certificate', async () => {
    const other = await signTestReport(report);
    expect(refused(json(reportFileOf(other.signed)))).toMatch(/does not lead to a root/);
    for (const uri of ['spiffe://td1/service/api', 'spiffe://td1/cellwall/server', 'spiffe://td2/cellwall/report']) {
      const wrong = await signTestReport(report, { ca, uri });
      expect(refused(json(reportFileOf(wrong.signed))), uri).toMatch(/signs no reports|another trust domain/);
    }
    for (const ms of [-3_600_000, 2 * 3_600_000]) {
      const late = await signTestReport({ ...report, generatedAt: report.generatedAt + ms }, { ca });
      expect(refused(json(reportFileOf(late.signed)))).toMatch(/not valid yet|has ended/);
    }
  });

  it('with a header that asks for less', () => {
    const header = JSON.parse(Buffer.from(signed.protected, 'base64url').toString());
    const withHeader = (more: object): string =>
      json(
        reportFileOf({
          ...signed,
          protected: Buffer.from(JSON.stringify({ ...header, ...more })).toString('base64url'),
        }),
      );
    for (const more of [
      { alg: 'none' },
      { alg: 'HS256' },
      { typ: 'JWT' },
      { crit: ['b64'], b64: false },
      { x5c: [] },
      { x5c: 7 },
    ]) {
      refused(withHeader(more));
    }
    refused(withHeader({ x5c: Array.from({ length: 9 }, () => header.x5c[0]) }));
    refused(json(reportFileOf({ ...signed, signature: '' })));
  });

  it.each([
    '',
    '{}',
    '[]',
    'null',
    '%PDF-1.7\n',
    '<!doctype html>',
    '{"report":{},"signed":{}}',
    'row,service,caller',
    '\u0000',
  ])('is not one at all: %j', (content) => void refused(content));
});

test('the command verifies without a control plane, and says no with a reason', async () => {
  const roots = join(folder, 'roots.pem');
  writeFileSync(roots, bundle);
  for (const [form, content] of Object.entries(forms)) {
    const path = join(folder, `report.${form}`);
    writeFileSync(path, content);
    const { code, stdout } = await runCli(['audit', 'verify-report', path, '--bundle', roots]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^verified: signed by spiffe:\/\/td1\/cellwall\/report/);
    expect(stdout).toMatch(/insecure +plaintext +api/);
    expect(stdout).toMatch(/api +10\.0\.0\.9 +plaintext/);
    writeFileSync(path, content.replace('10.0.0.9', '10.0.0.8'));
    const bad = await runCli(['audit', 'verify-report', path, '--bundle', roots]);
    expect(bad.code).toBe(1);
    expect(bad.stdout).toBe('');
    expect(bad.stderr).toMatch(/not what is signed|was changed/);
  }
});

test.each(['verify-report', 'verify'])('audit %s says where what it does not find is to be had', async (command) => {
  const [file, roots] = [join(folder, 'there.json'), join(folder, 'gone.pem')];
  writeFileSync(file, '{}');
  const { code, stderr } = await runCli(['audit', command, file, '--bundle', roots]);
  expect(code).toBe(1);
  expect(stderr).toBe(
    `error: cannot read the roots in ${roots}: there is no such file\n` +
      '  hint: the roots are in bundle.pem of "serve --publish", or of the folder that "svid fetch" wrote\n',
  );
  const none = await runCli(['audit', 'verify', join(folder, 'audit-*.jsonl')]);
  expect(none.stderr).toMatch(/there is no .*audit-\*\.jsonl\n {2}hint: name its files \(audit\*\.jsonl/);
});

test('a form that a command does not have is a fault of usage', async () => {
  for (const args of [
    ['status', '-o', 'pdf'],
    ['audit', 'mtls', '-o', 'xml'],
    ['-o', 'csv', 'audit', 'list'],
  ]) {
    const { code, stderr } = await runCli(args);
    expect(code).toBe(2);
    expect(stderr).toMatch(/Allowed choices are table, json, yaml/);
  }
});

const page = readFileSync(join(projectRoot, 'docs/mtls-report.md'), 'utf8');
const script = /```python\n([\s\S]*?)```/.exec(page)?.[1] ?? '';

describe('the Python of the documentation', () => {
  const run = (of: SignedStatement | ReportFile, roots: string): Promise<string> => {
    const [program, path, trusted] = ['verify.py', 'signed.json', 'trusted.pem'].map((name) => join(folder, name));
    writeFileSync(program ?? '', script);
    writeFileSync(path ?? '', json('signed' in of ? of : reportFileOf(of)));
    writeFileSync(trusted ?? '', roots);
    return promisify(execFile)('python3', [program ?? '', path ?? '', trusted ?? '']).then(({ stdout }) => stdout);
  };

  it('is 30 lines long, and verifies one', async () => {
    expect(script.trim().split('\n').length).toBeLessThanOrEqual(30);
    expect(await run(signed, bundle)).toContain('insecure');
  });

  it('refuses forged ones', async () => {
    const payload = Buffer.from(JSON.stringify({ ...report, anonymous: [] })).toString('base64url');
    await expect(run({ ...signed, payload }, bundle)).rejects.toThrow();
    await expect(run({ signed, report: { ...report, anonymous: [] } }, bundle)).rejects.toThrow();
    const other = await signTestReport(report);
    await expect(run(other.signed, bundle)).rejects.toThrow();
    const wrong = await signTestReport(report, { ca, uri: 'spiffe://td1/service/api' });
    await expect(run(wrong.signed, bundle)).rejects.toThrow();
    const late = await signTestReport({ ...report, generatedAt: report.generatedAt + 2 * 3_600_000 }, { ca });
    await expect(run(late.signed, bundle)).rejects.toThrow();
  });
});

test('in a PDF, a page that goes on with a table begins with its heading', async () => {
  const [edge] = report.edges;
  const edges = Array.from({ length: 150 }, (_, at) => ({ ...edge, service: `s${at}` }));
  const many = await signTestReport(Object.assign({}, report, { edges }), { ca });
  const pdf = renderReport(reportFileOf(many.signed), 'pdf');
  const contents = pdf.split('endobj').filter((part) => /\(s\d+ .*\) Tj|insecure +/.test(part) && part.includes(' TL'));
  const withEdges = contents.filter((part) => /\((?:insecure|partly-known) .* s\d+ /.test(part));
  expect(withEdges.length).toBeGreaterThan(2);
  for (const part of withEdges) expect(part).toMatch(/\(STATE +CALLER/);
  expect(verifyReportFile(pdf, many.bundle).report.edges).toHaveLength(150);
});
