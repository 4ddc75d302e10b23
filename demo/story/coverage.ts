// When the story is over: how much of it was mTLS, as the report says that an auditor would get; verified by nothing but the roots.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MtlsReport } from '../../src/report/mtls-report.ts';
import type { World } from '../house/world.ts';
import { must } from './step.ts';
import type { Tell } from './tell.ts';

export async function tellCoverage({ cellwall, clients, folder }: World, tell: Tell): Promise<void> {
  tell.heading('How much of it was mTLS (cellwall audit mtls)');
  const [file, roots] = [join(folder, 'mtls.json'), join(folder, 'roots.pem')];
  writeFileSync(file, await cellwall.expect('audit', 'mtls', '--since', '1h', '-o', 'json'));
  writeFileSync(roots, clients.httpRouter.material().ca);
  const verified = await cellwall.expect('audit', 'verify-report', file, '--bundle', roots, '-o', 'json');
  const { signer, report }: { readonly signer: string; readonly report: MtlsReport } = JSON.parse(verified);
  const { calls, mtls, plaintext, oneWayTls, legacy, denied, edges } = report.totals;
  // What step 1 did on purpose.
  must(plaintext > 0 && mtls > plaintext, `the report counts ${plaintext} calls in plaintext, and ${mtls} by mTLS`);
  tell.held('the report is signed, and verified by the roots', signer);
  tell.held(`${mtls} of ${calls} calls by mTLS`, `${denied} denied`);
  tell.held(`${calls - mtls} without`, `${plaintext} in plaintext, ${oneWayTls} one-way TLS, ${legacy} of a legacy CA`);
  const states = Object.entries(edges).map(([state, count]) => `${count} ${state}`);
  tell.held('edges', states.join(', '));
  tell.note('"partly-known": the control plane was killed in step 7, so nothing is claimed of that time.');
}
