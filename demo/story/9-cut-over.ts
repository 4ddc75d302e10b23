// (9) The cut-over of one service, as it is done where others depend on it: refused while somebody would be cut off, granted when
// nobody called in plaintext any more, and undone with one command.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { render, whileMigrating } from '../house/documents.ts';
import { until, untilTrue } from '../house/until.ts';
import { legacyPort, legacyService, type World } from '../house/world.ts';
import { describe, type Outcome } from '../wire/outcome.ts';
import { applicationCall } from './application-call.ts';
import { callDirectly } from './direct-call.ts';
import { must, type Step } from './step.ts';
import { readTraffic } from './traffic.ts';

const longestBackMs = 1000;

export const cutOver: Step = {
  name: 'cut-over',
  title: '9  cut-over: refused while one plaintext caller is seen, granted, undone in one step',
  withinMs: 60_000,
  async run(world, tell) {
    const { cellwall } = world;
    const [permissive, strict] = [write(world, 'permissive'), write(world, 'strict')];
    const plaintext = (): Promise<Outcome> =>
      world.standIns.call(applicationCall(legacyPort, world.inbound(legacyPort)));
    const letIn = async (): Promise<boolean> => (await plaintext()).kind === 'ok';

    await cellwall.expect('apply', '-f', permissive);
    const before = await readTraffic(world);
    await untilTrue(letIn, { what: `${legacyPort} is permissive again`, withinMs: 10_000 });
    await untilTrue(
      async () => (await readTraffic(world)).count('plaintext', legacyPort) > before.count('plaintext', legacyPort),
      { what: 'the plaintext call is recorded', withinMs: 5000 },
    );
    const { code, stderr } = await cellwall.run('apply', '-f', strict, '--since', '1m');
    const caller = new RegExp(`^${legacyPort} +(plaintext, 127\\.0\\.0\\.1) `, 'm').exec(stderr)?.[1];
    must(code === 1 && caller !== undefined, `the gate let it pass, or did not say who, and on which port: ${stderr}`);
    tell.held(
      'cellwall apply, while it is called in plaintext',
      `refused: ${caller} would be cut off from ${legacyPort}`,
    );

    const granted = await until(
      async () => {
        const { code: done, stdout } = await cellwall.run('apply', '-f', strict, '--since', '1s');
        return done === 0 ? stdout : undefined;
      },
      { what: 'nobody called in plaintext for a second', withinMs: 20_000, everyMs: 200 },
    );
    tell.held('cellwall apply, when nobody did any more', granted.trim().split('\n').join(' '));
    const refused = await until(
      async () => {
        const outcome = await plaintext();
        return outcome.kind === 'ok' ? undefined : outcome;
      },
      { what: 'plaintext is refused', withinMs: 5000 },
    );
    tell.held('the plaintext caller', describe(refused));
    const moved = await callDirectly(world, legacyPort, world.clients.httpRouter.material());
    must(moved.kind === 'ok', `http-router over mTLS: ${describe(moved)}`);

    const answer: { readonly receivedAt: number } = JSON.parse(await cellwall.expect('-o', 'json', 'rollback'));
    await untilTrue(letIn, { what: 'plaintext is let in again', withinMs: 5000, everyMs: 5 });
    const backMs = Math.round(performance.timeOrigin + performance.now() - answer.receivedAt);
    must(backMs < longestBackMs, `the step back took ${backMs} ms`);
    tell.held('cellwall rollback: let in again', `after ${backMs} ms`);

    await cellwall.expect('apply', '-f', strict, '--since', '1m', '--force');
    await cellwall.expect('delete', ...whileMigrating([legacyService]).keys);
    const audit = await cellwall.expect('audit');
    must(audit.includes('cut-over-forced') && audit.includes('rolled-back'), `cellwall audit: ${audit}`);
    tell.held('cellwall audit', 'the forced cut-over with its reasons, and the step back');
    return { refusedFor: caller, backMs };
  },
};

/** The service alone, permissive with a policy that lets anonymous callers in, or as it is in examples/cells. */
function write({ folder, documents }: World, mode: 'permissive' | 'strict'): string {
  const all = documents.files.flatMap((file) => file.documents);
  const service = all.find(
    (document) => document.get('kind') === 'Service' && document.getIn(['metadata', 'name']) === legacyService,
  );
  if (service === undefined) throw new Error(`no Service ${legacyService}`);
  const own = service.clone() as typeof service;
  own.setIn(['spec', 'mtls'], own.createNode({ mode }));
  const file = join(folder, `cut-over-${mode}.yaml`);
  const policy = mode === 'permissive' ? `---\n${whileMigrating([legacyService]).text}` : '';
  writeFileSync(file, render([own]) + policy);
  return file;
}
