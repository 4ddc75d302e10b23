// When the story is over: how much of it was mTLS, as the report says that an auditor would get; verified by nothing but the roots, as is
// that a copy in which somebody made a number smaller is none.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MtlsReport } from '../../src/report/mtls-report.ts';
import type { World } from '../house/world.ts';
import { type Figures, must } from './step.ts';
import type { Tell } from './tell.ts';

/** How it shows on a terminal, and what a file of it is verified with. */
export interface Coverage {
  readonly figures: Figures;
  readonly report: string;
  readonly files: { readonly json: string; readonly html: string; readonly roots: string };
}

/** Where the same and more is to be looked at; throws unless it is there. */
export async function pageOf({ controlPlane }: World): Promise<string> {
  const page = `http://${controlPlane.addresses.admin}/`;
  const answer = await fetch(page);
  const type = answer.headers.get('content-type') ?? '';
  must(answer.ok && type.startsWith('text/html'), `${page} answers ${answer.status} ${type}, which is not the page`);
  return page;
}

export async function tellCoverage({ cellwall, clients, folder }: World, tell: Tell): Promise<Coverage> {
  tell.heading('How much of it was mTLS (cellwall audit mtls)');
  const at = (name: string): string => join(folder, name);
  const files = { json: at('mtls.json'), html: at('mtls.html'), roots: at('roots.pem') };
  const [json, html] = await Promise.all(
    ['json', 'html'].map((form) => cellwall.expect('audit', 'mtls', '--since', '1h', '-o', form)),
  );
  writeFileSync(files.json, json ?? '');
  writeFileSync(files.html, html ?? '');
  writeFileSync(files.roots, clients.httpRouter.material().ca);
  const verify = (file: string, ...more: readonly string[]) =>
    cellwall.run('audit', 'verify-report', file, '--bundle', files.roots, ...more);
  const [read, page] = [await verify(files.json, '-o', 'json'), await verify(files.html)];
  for (const { code, stderr } of [read, page]) must(code === 0, `a report does not verify: ${stderr}`);
  const { signer, report }: { readonly signer: string; readonly report: MtlsReport } = JSON.parse(read.stdout);
  const { calls, mtls, plaintext, oneWayTls, legacy, denied, edges } = report.totals;
  // What step 1 did on purpose.
  must(plaintext > 0 && mtls > plaintext, `the report counts ${plaintext} calls in plaintext, and ${mtls} by mTLS`);
  tell.held('the report is signed, and verified by the roots', signer);
  for (const [form, text] of Object.entries(forgeries(json ?? '', html ?? '', plaintext))) {
    const file = at(`forged.${form}`);
    writeFileSync(file, text);
    const { code, stderr } = await verify(file);
    must(code !== 0, `a forged report in ${form} verifies`);
    tell.held(`with ${plaintext - 1} calls in plaintext it is refused (${form})`, stderr.split('\n')[0]);
  }
  tell.held(`${mtls} of ${calls} calls by mTLS`, `${denied} denied`);
  tell.held(`${calls - mtls} without`, `${plaintext} in plaintext, ${oneWayTls} one-way TLS, ${legacy} of a legacy CA`);
  const states = Object.entries(edges).map(([state, count]) => `${count} ${state}`);
  tell.held('edges', states.join(', '));
  tell.note('"partly-known": the control plane was killed in step 7, so nothing is claimed of that time.');
  return {
    figures: { calls, mtls, plaintext, oneWayTls, legacy, denied, edges },
    report: await cellwall.expect('audit', 'mtls', '--since', '1h'),
    files,
  };
}

/** Copies in which one call in plaintext less was made: where it is shown; where it is signed, too. */
function forgeries(json: string, html: string, plaintext: number): Readonly<Record<'json' | 'html', string>> {
  const file: { report: { totals: { plaintext: number } }; signed: { payload: string } } = JSON.parse(json);
  file.report.totals.plaintext = plaintext - 1;
  file.signed.payload = Buffer.from(JSON.stringify(file.report)).toString('base64url');
  return {
    json: JSON.stringify(file),
    html: html.replace(`${plaintext} in plaintext`, `${plaintext - 1} in plaintext`),
  };
}
